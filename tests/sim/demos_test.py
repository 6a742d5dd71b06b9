#!/usr/bin/python3
"""Demos on the simulator: twice the same seed, twice the same output: `demos_test.py BUILD/demos`.

Those that cannot be simulated stand in demos/not_simulated.txt, with why; `./stepwise list` says so, too."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(FOLDER.parent))
import python_suite  # noqa: E402

PROGRAMS = pathlib.Path(sys.argv.pop())
LEFT_OUT = dict(line.split(None, 1) for line in (ROOT / "demos" / "not_simulated.txt").read_text().splitlines()
                if line and not line.startswith("#"))


VISITORS = {path.stem: path for path in (ROOT / "demos" / "visitors").iterdir()}


def all_demos():
    numbered = (ROOT / "demos").glob("[0-9][0-9]_*")
    return {re.sub(r"^\d\d_", "", path.stem) for path in numbered} | {"chat", "stepwise_site"}


def output_of(name):
    """(exit code, what it printed)"""
    environment = os.environ | {"STEPWISE_REACTOR": "sim", "STEPWISE_SEED": "7"}
    if name in VISITORS:
        environment["STEPWISE_SIM_VISITORS"] = str(VISITORS[name])
    flags = ["--port", "0"] if name in VISITORS else []
    done = subprocess.run([PROGRAMS / name, *flags], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


class DemosTest(unittest.TestCase):
    def test_a_demo_prints_the_same_twice(self):
        for name in sorted(all_demos() - set(LEFT_OUT)):
            with self.subTest(name=name):
                code, text = output_of(name)
                self.assertEqual(code, 0, text)
                self.assertNotEqual(text, "")
                self.assertEqual(output_of(name), (code, text))

    def test_what_is_left_out_is_a_demo_and_has_a_reason(self):
        self.assertEqual(set(LEFT_OUT) - all_demos(), set())

    def test_a_visitor_hears_what_its_script_waits_for(self):
        self.assertLessEqual(set(VISITORS), all_demos() - set(LEFT_OUT))
        for name, path in VISITORS.items():
            with self.subTest(name=name):
                _, text = output_of(name)
                for step in path.read_text().splitlines():
                    if step.startswith("hear "):
                        self.assertIn(f"hears: {step[5:]}\n", text)
                self.assertIn("interrupts the program", text)

    def test_another_thread_is_refused_by_name(self):
        code, text = output_of("thread_push")
        self.assertNotEqual(code, 0)
        self.assertIn("call_soon_threadsafe cannot be simulated: it comes from another thread", text)

    def test_the_list_of_demos_says_which_are_left_out(self):
        listed = subprocess.run([ROOT / "stepwise", "list"], capture_output=True, text=True, check=True).stdout
        for name, reason in LEFT_OUT.items():
            line = next(line for line in listed.splitlines() if line.split()[1] == name)
            self.assertIn(f"(not simulated: {reason})", line)


if __name__ == "__main__":
    python_suite.main()
