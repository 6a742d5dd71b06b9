#!/usr/bin/env python3
"""Every shell script of the project: known to git as executable, read by bash, and clean under shellcheck."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "tidy"))
import python_suite  # noqa: E402
from tree import Tree  # noqa: E402

TREE = Tree(ROOT)
SCRIPTS = [path for path in TREE.code() if TREE.is_script(path) and "sh" in TREE.text(path).split("\n")[0]]


class ScriptsTest(unittest.TestCase):
    def test_the_scripts_are_found(self):
        self.assertLessEqual({"stepwise", ".ci/run"}, set(SCRIPTS))

    def test_scripts_have_their_run_bit(self):
        for path in SCRIPTS:
            with self.subTest(path=path):
                self.assertTrue(os.access(ROOT / path, os.X_OK), "chmod +x is missing")

    def test_bash_can_read_them(self):
        for path in SCRIPTS:
            with self.subTest(path=path):
                run = subprocess.run(["bash", "-n", path], cwd=ROOT, capture_output=True, text=True)
                self.assertEqual((run.returncode, run.stderr), (0, ""))

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shellcheck_has_nothing_to_say(self):
        run = subprocess.run(["shellcheck", *SCRIPTS], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout), (0, ""))


if __name__ == "__main__":
    python_suite.main()
