#!/usr/bin/python3
"""Each planted bug is found by the explorer within 2,000 seeds and 60 s, and without one nothing:
`planted_test.py EXPLORE`.

EXPLORE is the program of a build with -Dplanted_bugs=true."""

import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
import python_suite  # noqa: E402

# bug -> the property that finds it
BUGS = {
    "lost_wakeup": "echo",
    "double_completion": "echo",
    "buffer_freed_early": "echo",
    "missing_cancel": "http",
    "unbounded_queue": "echo",
    "keepalive_behind_writer": "chat",
    "close_races_send": "echo",
    "end_untold": "chat",
    "split_delimiter": "http",
    "slow_member_left_out": "chat",
    "forgotten_request": "http",
    "accept_not_restarted": "echo",
    "timer_not_waited_for": "echo",
}
EXPLORE = sys.argv.pop()


def explore(bug, *arguments):
    """(exit code, output, seconds)"""
    began = time.monotonic()
    done = subprocess.run([EXPLORE, *arguments], env=os.environ | {"STEPWISE_PLANT": bug}, capture_output=True,
                          text=True, timeout=120, check=False)
    return done.returncode, done.stdout, time.monotonic() - began


class PlantedTest(unittest.TestCase):
    def test_each_planted_bug_is_found_and_its_seed_replays(self):
        for bug, what in BUGS.items():
            with self.subTest(bug=bug):
                code, output, seconds = explore(bug, what, "--seeds", "2000")
                self.assertEqual(code, 1, output)
                self.assertLess(seconds, 60)
                replay = re.search(r"replay: \./stepwise explore (.*)", output)[1].split()
                self.assertEqual(explore(bug, *replay)[0], 1, replay)
                seed = re.search(r"seed (\d+) fails", output)[1]
                print(f"{bug}: {what}, seed {seed}, {seconds:.1f} s")

    def test_without_one_every_seed_holds(self):
        for what in sorted(set(BUGS.values())):
            code, output, _ = explore("", what, "--seeds", "2000")
            self.assertEqual(code, 0, output)

    def test_the_list_is_that_of_the_source(self):
        planted = set()
        for folder in ("runtime", "net", "ws"):
            for path in (FOLDER.parents[1] / folder).rglob("*.[ch]pp"):
                if path.name != "planted.hpp":
                    planted |= set(re.findall(r'planted\("(\w+)"\)', path.read_text()))
        self.assertEqual(planted, set(BUGS))


if __name__ == "__main__":
    python_suite.main()
