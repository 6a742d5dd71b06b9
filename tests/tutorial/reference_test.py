#!/usr/bin/env python3
"""The reference: what its filter makes of comments, and that each public header has its page without a complaint:
`reference_test.py BUILD_FOLDER`."""

import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else ROOT / "build"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tutorial" / "reference")]
import python_suite  # noqa: E402
import reference  # noqa: E402

HEADER = """\
// A box: holds one <T>.
//
//     Box<int> box(1);   // & so on
//
// Not for @two or #3; `a & b` stays.
#pragma once

namespace boxes {

// ---- For those who open it
// What is in it.
template <class T>
class Box {
public:
    // Opens it.
    T open() {
        // by force
        return std::move(content_);
    }
    bool is_open() const { return open_; }  // as its owner sees it

private:
    bool open_ = false;  // or is it
                         // both?
};

template <class T>
class OpenBox {
};

enum class Size { small, large };

}  // namespace boxes
"""


def filtered(name="box"):
    return reference.Filter(HEADER, name).text().split("\n")


class FilterTest(unittest.TestCase):
    def test_the_head_is_the_files_comment_and_its_example_stays_as_it_is(self):
        self.assertEqual(filtered()[:6], [
            "/// \\file", "/// A box: holds one \\<T\\>.", "///", "///     Box<int> box(1);   // & so on", "///",
            "/// Not for \\@two or \\#3; `a & b` stays."])

    def test_a_comment_above_a_declaration_is_its_own_and_a_headline_is_nobodys(self):
        lines = filtered()
        self.assertIn("// ---- For those who open it", lines)
        self.assertIn("/// What is in it.", lines)
        self.assertIn("    /// Opens it.", lines)

    def test_a_comment_behind_a_declaration_is_its_own_in_all_its_lines(self):
        lines = filtered()
        self.assertIn("    bool open_ = false;  ///< or is it", lines)
        self.assertIn("                         ///< both?", lines)

    def test_what_stands_in_a_body_or_at_the_end_of_a_namespace_stays(self):
        lines = filtered()
        self.assertIn("        // by force", lines)
        self.assertIn("}  // namespace boxes", lines)

    def test_every_line_stays_in_its_place(self):
        self.assertEqual(filtered()[8:12], HEADER.split("\n")[8:9] + ["// ---- For those who open it"]
                         + ["/// What is in it.", "template <class T>"])
        self.assertEqual(len(filtered()), len(HEADER.split("\n")))

    def test_the_class_of_the_files_name_gets_its_comment_if_it_has_none(self):
        lines = filtered("open_box")
        place = lines.index("class OpenBox {")
        self.assertEqual(lines[place - 2:place], ["/// Not for \\@two or \\#3; `a & b` stays.", "template <class T>"])


@unittest.skipUnless(shutil.which("doxygen"), reference.MISSING)
class PagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        installed = json.loads((BUILD / "meson-info" / "intro-install_plan.json").read_text())["headers"]
        cls.headers = sorted(entry["destination"].removeprefix("{includedir}/") for entry in installed.values())
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="reference ")))
        cls.complaints = reference.make(BUILD / "include", cls.folder / "html", cls.headers)

    def test_doxygen_has_nothing_to_complain_of(self):
        self.assertEqual(self.complaints, [])

    def test_each_public_header_has_its_page_and_says_what_it_is(self):
        self.assertGreater(len(self.headers), 100)
        pages = [path.read_text() for path in (self.folder / "html").glob("*_8hpp.html")]
        self.assertEqual(len(pages), len(self.headers))
        for page in pages:
            title = re.search(r"<title>(.*)</title>", page)[1]
            self.assertIn("Detailed Description", page, title)

    def test_the_first_page_leads_to_headers_that_there_are(self):
        named = re.findall(r"stepwise/[\w/]+\.hpp", (ROOT / "tutorial" / "reference" / "start.md").read_text())
        self.assertEqual(set(named) - set(self.headers), set())
        page = (self.folder / "html" / "index.html").read_text()
        for name in named:
            self.assertRegex(page, rf'href="\w+_8hpp\.html"[^>]*>{name}</a>')

    def test_what_doxygen_complains_of_is_told_with_its_line(self):
        header = self.folder / "stepwise" / "bad.hpp"
        header.parent.mkdir()
        header.write_text("// A file.\n#pragma once\n\n/** \\nonsense */\nint size();\n")
        complaints = reference.make(self.folder, self.folder / "bad", ["stepwise/bad.hpp"])
        self.assertTrue(any("bad.hpp:" in line for line in complaints), complaints)


if __name__ == "__main__":
    del sys.argv[1:]
    python_suite.main()
