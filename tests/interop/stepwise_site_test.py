#!/usr/bin/env python3
"""The course's pages as bytes, over a course made for the test: `stepwise_site_test.py PROGRAM REACTOR`.

What must not happen is looked for first: a file outside the course that an address reaches, HTML of a chapter that a
browser would run. The real chapters are opened in a browser by tests/browser."""

import concurrent.futures
import http.client
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from program_contract import ServerProgramContract  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]

CHAPTER = """# 1. One & only

Words of `code`, a [next one](02-next.md#a-place), the [map](../README.md), the [source](../../demos/01_a.cpp),
[nowhere](../../outside.md), [elsewhere](https://example.org/), and <b>tags</b>.

<script>alert(1)</script>

<!-- listing: demos/01_a.cpp part -->
```cpp
return "<1>";  // a 'comment'
```

| a | b |
|---|---|
| 1 | 2 |

![A picture](figures/01-a.svg)
"""
FILES = {
    "tutorial/README.md": "# The map\n",
    "tutorial/en/01-one.md": CHAPTER,
    "tutorial/en/02-next.md": "# 2. Next\n\n## A place\n",
    "tutorial/en/words.md": "# Words. And more\n",
    "tutorial/zh/01-one.md": "# 1. 一\n\n第一行，\n第二\n行 code\n第三行。\n`code` x\n",
    "tutorial/en/figures/01-a.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    "demos/01_a.cpp": '#include <a>\nauto raw = R"x(no " end)x";\nint number = 10\'000;\n',
    "demos/secret.txt": "SECRET\n",
    "outside.md": "# SECRET\n",
    ".hidden.md": "# SECRET\n",
}


class SiteContract(ServerProgramContract, unittest.TestCase):
    program, reactor = PROGRAM, REACTOR


class CourseTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="course ")))
        for path, text in FILES.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        cls.folder = folder
        cls.server = cls.enterClassContext(
            ServerProcess(PROGRAM, "--reactor", REACTOR, "--course", str(folder / "tutorial")))

    def get(self, path, **headers):
        connection = http.client.HTTPConnection(*self.server.address, timeout=30)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode("utf-8")

    def test_no_address_leads_out_of_the_course(self):
        for path in ("../README.md", "../../outside", "..%2f..%2foutside", "%2e%2e/%2e%2e/outside", "en/../../outside",
                     "en/..%2f..%2foutside", "en/%2e%2e%2f%2e%2e%2foutside", "en/figures/../01-one.md", "en/.hidden",
                     "en/figures/..%2f..%2f..%2foutside.md", "en/01-one.md",
                     "source/outside.md", "source/demos/../outside.md", "source/demos/%2e%2e/outside.md",
                     "source/demos/..%2foutside.md", "source/.hidden.md", "source/demos/secret.txt",
                     "source//demos/01_a.cpp", "source/demos//01_a.cpp", "source/demos/", "source/", "en/figures/",
                     "en//01-one", "fr/01-one",
                     "en/" + "a" * 2000):
            with self.subTest(path=path):
                status, _, body = self.get(f"/course/{path}")
                self.assertEqual(status, 404)
                self.assertNotIn("SECRET", body)

    def test_a_chapter_runs_no_html_of_its_own(self):
        _, headers, body = self.get("/course/en/01-one")
        self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
        self.assertNotIn("<script", body)
        self.assertNotIn("<b>", body)
        self.assertIn('<span class="k">return</span> <span class="s">&quot;&lt;1&gt;&quot;</span>;', body)

    def test_the_reference_is_served_where_it_was_made_and_said_to_be_missing_where_not(self):
        made = self.folder / "reference"
        made.mkdir()
        (made / "index.html").write_text("<h1>Reference</h1>")
        (self.folder / "outside.html").write_text("SECRET")
        for folder, status, words in ((made, 200, "<h1>Reference</h1>"), (self.folder / "none", 404, "doxygen")):
            with ServerProcess(PROGRAM, "--reactor", REACTOR, "--reference", str(folder)) as server:
                answers = []
                for path in ("/reference", "/reference/", "/reference/../outside.html",
                             "/reference/%2e%2e/outside.html"):
                    connection = http.client.HTTPConnection(*server.address, timeout=30)
                    connection.request("GET", path)
                    response = connection.getresponse()
                    answers.append((response.status, response.read().decode("utf-8")))
                    connection.close()
            self.assertEqual((answers[0][0], answers[1][0]), (301, status))
            self.assertIn(words, answers[1][1])
            self.assertEqual([code for code, _ in answers[2:]], [404, 404])
        self.assertIn('<a href="/reference/">Reference</a>', self.get("/course/en/")[2])
        self.assertIn('<a href="/reference/">参考手册</a>', self.get("/course/zh/")[2])

    def test_an_unknown_chapter_is_a_page_that_leads_back(self):
        for path, words in (("en/99-none", "All chapters"), ("zh/99-none", "全部章节")):
            status, headers, body = self.get(f"/course/{path}")
            self.assertEqual((status, headers["Content-Type"]), (404, "text/html; charset=utf-8"))
            self.assertIn(words, body)

    def test_the_list_has_numbers_titles_and_links(self):
        _, _, body = self.get("/course/en/")
        self.assertEqual(re.findall(r'<li><span>(\d*)</span><a href="([^"]+)">([^<]+)</a>', body),
                         [("1", "01-one", "One &amp; only"), ("2", "02-next", "Next")])

    def test_pages_without_a_number_are_listed_below_the_chapters(self):
        _, _, body = self.get("/course/en/")
        _, heading, below = body.partition("<h2>Beside the chapters</h2>")
        self.assertTrue(heading)
        self.assertIn('<li><a href="words">Words. And more</a></li>', below)
        self.assertNotIn("<h2>", self.get("/course/zh/")[2], "a heading over nothing")
        self.assertIn('<a rel="next" class="next" href="words">', self.get("/course/en/02-next")[2])

    def test_links_are_right_on_the_site_and_those_that_lead_out_are_words(self):
        _, _, body = self.get("/course/en/01-one")
        for link in ('<a href="/course/en/02-next#a-place">next one</a>',
                     '<a href="/course/source/tutorial/README.md">map</a>',
                     '<a href="/course/source/demos/01_a.cpp">source</a>', "\nnowhere, ",
                     '<a href="https://example.org/">elsewhere</a>',
                     '<p class="from"><a href="/course/source/demos/01_a.cpp">demos/01_a.cpp</a></p>'):
            self.assertIn(link, body)
        self.assertIn('id="a-place"', self.get("/course/en/02-next")[2])

    def test_a_figure_is_an_svg_and_a_table_a_table(self):
        _, _, body = self.get("/course/en/01-one")
        self.assertIn('<img src="figures/01-a.svg" alt="A picture">', body)
        self.assertIn("<td>1</td>", body)
        status, headers, body = self.get("/course/en/figures/01-a.svg")
        self.assertEqual((status, headers["Content-Type"], body),
                         (200, "image/svg+xml", FILES["tutorial/en/figures/01-a.svg"]))

    def test_a_source_is_shown_whole_and_escaped(self):
        _, _, body = self.get("/course/source/demos/01_a.cpp")
        self.assertIn('<span class="p">#include</span> &lt;a&gt;', body)
        self.assertIn('<span class="s">R&quot;x(no &quot; end)x&quot;</span>;', body)
        self.assertIn("<span class=\"n\">10'000</span>;", body)

    def test_chinese_lines_are_joined_without_a_space_and_others_keep_theirs(self):
        _, _, body = self.get("/course/zh/01-one")
        self.assertIn("第一行，第二行 code\n第三行。<code>code</code> x</p>", body)

    def test_the_browser_decides_the_language_where_the_address_does_not(self):
        for languages, place in (("zh-CN,en;q=0.5", "/course/zh/"), ("en-GB", "/course/en/"), ("", "/course/en/")):
            status, headers, _ = self.get("/course/", **{"Accept-Language": languages})
            self.assertEqual((status, headers["Location"]), (302, place))
        for path, place in (("/course", "/course/"), ("/course/zh", "/course/zh/")):
            self.assertEqual(self.get(path)[1]["Location"], place)

    def test_many_readers_at_once_get_what_one_alone_gets(self):
        pages = ("/course/en/", "/course/en/01-one", "/course/zh/01-one", "/course/source/demos/01_a.cpp")
        alone = {path: self.get(path)[2] for path in pages}
        with concurrent.futures.ThreadPoolExecutor(8) as readers:
            for path, answer in readers.map(lambda path: (path, self.get(path)), pages * 25):
                self.assertEqual((answer[0], answer[2]), (200, alone[path]))

    def test_a_chapter_that_is_edited_is_seen_at_the_next_request(self):
        chapter = self.folder / "tutorial/en/02-next.md"
        self.addCleanup(chapter.write_text, chapter.read_text())
        chapter.write_text("# 2. Next\n\nA word more.\n")
        self.assertIn("A word more.", self.get("/course/en/02-next")[2])


if __name__ == "__main__":
    python_suite.main()
