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


# With threads beside the loop, or none: what they print does not depend on who runs first, on no seed.
WITH_THREADS = {"callback": "A got: data-A", "coroutine_v1": "nobody waits for data-A",
                "coroutine_v2": "nobody waits for data-A", "coroutine_v3": "D got: data-D",
                "sender": "the sender's ticked 50 times", "background_loop": "hears: 20.",
                "thread_push": "8 clients, 40 stays, 80 of 80 ticks heard, 0 missed, 0 twice"}


def output_of(name, seed=7):
    """(exit code, what it printed)"""
    environment = os.environ | {"STEPWISE_REACTOR": "sim", "STEPWISE_SEED": str(seed)}
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

    def test_threads_take_turns_by_the_seed(self):
        for name, expected in WITH_THREADS.items():
            for seed in range(1, 6):
                with self.subTest(name=name, seed=seed):
                    code, text = output_of(name, seed)
                    self.assertEqual(code, 0, text)
                    self.assertIn(expected, text)
                    self.assertEqual(output_of(name, seed), (code, text))

    def test_the_threads_of_a_callback_run_in_either_order(self):
        self.assertGreater(len({output_of("callback", seed)[1] for seed in range(1, 11)}), 1)

    def test_the_list_of_demos_says_which_are_left_out(self):
        listed = subprocess.run([ROOT / "stepwise", "list"], capture_output=True, text=True, check=True).stdout
        for name, reason in LEFT_OUT.items():
            line = next(line for line in listed.splitlines() if line.split()[1] == name)
            self.assertIn(f"(not simulated: {reason})", line)


if __name__ == "__main__":
    python_suite.main()
