#!/usr/bin/env python3
"""The chapters against the programs that they tell of: `chapters_test.py BUILD_FOLDER`."""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tutorial" / "tools")]
import chapters  # noqa: E402
import pages  # noqa: E402
import python_suite  # noqa: E402

PROBLEMS = chapters.Book(ROOT, BUILD).check()
PAGES = pages.read_pages(ROOT)


class Chapters(unittest.TestCase):
    def test_nothing_outside_the_pages_is_wrong(self):
        names = {page.name for page in PAGES}
        self.assertEqual([str(problem) for problem in PROBLEMS if problem.path not in names], [])


def page_test(name):
    def test(self):
        found = [str(problem) for problem in PROBLEMS if problem.path == name]
        self.assertEqual(found, [], "./stepwise chapters --write may mend it")
    return test


for page in PAGES:
    setattr(Chapters, f"test_{page.name} shows what its programs do".replace(".", " "), page_test(page.name))

if __name__ == "__main__":
    python_suite.main()
