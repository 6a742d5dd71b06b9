#!/usr/bin/env python3
"""Every public header shows how it is used, and what it shows is compiled and run: `examples_test.py HEADER...`.

An example is a block in a header's comments that is indented by five blanks. It must be, but for comments, what stands
in the programs of this folder between `//[ HEADER` and `//]`. A header that no program includes by itself is named in
within.txt instead."""

import pathlib
import re
import sys
import textwrap
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

COMMENT = re.compile(r"(?:^|\s+)//(?:\s.*)?$")
EXAMPLE_LINE = re.compile(r"^[ ]*//     (.*)$", re.MULTILINE)
REGION = re.compile(r"^ *//\[ (\S+)\n(.*?)^ *//\]$", re.MULTILINE | re.DOTALL)


def code_of(lines):
    """Without comments and empty lines, and with one blank where several align something."""
    texts = (COMMENT.sub("", line).rstrip() for line in lines)
    return [re.sub(r"(?<=\S) +", " ", text) for text in texts if text]


def shown_by(header_text):
    return code_of(EXAMPLE_LINE.findall(header_text))


def regions_of(program_text):
    """{header: code} of a program; the regions of one header follow each other."""
    found = {}
    for header, text in REGION.findall(program_text):
        found.setdefault(header, []).extend(code_of(textwrap.dedent(text).splitlines()))
    return found


def headers_within():
    lines = (FOLDER / "within.txt").read_text().splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.headers = {header: (ROOT / header).read_text() for header in sys.argv[1:]}
        cls.within = headers_within()
        cls.compiled = {}
        for path in sorted(FOLDER.glob("*_examples.cpp")):
            for header, code in regions_of(path.read_text()).items():
                cls.compiled.setdefault(header, []).extend(code)

    def test_every_public_header_has_an_example(self):
        without = [header for header, text in self.headers.items() if header not in self.within and not shown_by(text)]
        self.assertEqual(without, [], "show in a comment of the header how it is used, in lines that begin `//     `")

    def test_what_a_header_shows_is_what_is_compiled(self):
        for header, text in self.headers.items():
            with self.subTest(header=header):
                self.assertEqual(shown_by(text), self.compiled.get(header, []),
                                 f"the header shows the first, `//[ {header}` in tests/examples/ has the second")

    def test_what_is_compiled_belongs_to_a_header(self):
        self.assertEqual(set(self.compiled) - set(self.headers), set())

    def test_a_header_without_an_example_comes_with_one_that_has_one(self):
        for header, way in self.within.items():
            with self.subTest(header=header):
                self.assertIn(header, list(self.headers))
                self.assertIn(way, self.compiled)
                self.assertNotIn(header, self.compiled, "it has an example: take it out of within.txt")


class ReadingTest(unittest.TestCase):
    def test_an_example_is_told_from_prose_and_from_its_comments(self):
        header = ("// What it is.\n//\n//     a(1);      // why\n//    not this\n"
                  "//     if (x) {\n//         b();\n//     }\n")
        self.assertEqual(shown_by(header), ["a(1);", "if (x) {", "    b();", "}"])

    def test_the_regions_of_a_header_follow_each_other(self):
        program = "    //[ x.hpp\n    if (x) {\n        //]\n        y();\n        //[ x.hpp\n        b();\n    //]\n"
        self.assertEqual(regions_of(program), {"x.hpp": ["if (x) {", "b();"]})

    def test_another_word_is_a_difference(self):
        self.assertNotEqual(shown_by("//     a(1);\n"), shown_by("//     a(2);\n"))


if __name__ == "__main__":
    python_suite.main()
