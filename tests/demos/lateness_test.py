#!/usr/bin/env python3
"""The demos that measure how late a ticker is: who holds up the loop, and for how long.

Usage: lateness_test.py FOLDER_WITH_THE_BUILT_DEMOS REACTOR. A machine that is busy makes everybody late: what must be
quick is quick in the best of a few runs.
"""

import os
import pathlib
import re
import shutil
import sys
import tempfile
import typing
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from demo_runs import LANGUAGES, PROGRAMS, DemoCase, start  # noqa: E402

os.environ["STEPWISE_REACTOR"] = sys.argv[2]
ATTEMPTS = 5
QUERY_MS = 100
LATE_MS_MAX = 60  # with nobody in its way a tick is a few tenths late; a machine that is busy adds its own,
LATE_PART_MAX = 0.3  # and is busy for the blocked loop, too
ROW = re.compile(r"(.+?)  +(\d+) ms +(?:(\d+) +)?([\d.]+) ms +([\d.]+) ms  (.+)")
STOOD_STILL, TICKED_ON = ("the ticker stood still", "节拍停住了"), ("the ticker ticked on", "节拍照走")
NOT_BUILT = "the demo is not built: libpq-dev or libsqlite3-dev was not found when the build was configured"


def has_postgresql():
    return bool([*pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")] or shutil.which("initdb"))


class Row(typing.NamedTuple):
    name: str
    total: float  # milliseconds, as the lateness
    at_once: float
    most: float
    median: float
    verdict: str


def rows_of(name, *arguments, **variables):
    done = start(name, *arguments, **variables)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{name} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    rows = []
    for match in filter(None, map(ROW.fullmatch, done.stdout.splitlines())):
        total, at_once, most, median = (float(number or 0) for number in match.groups()[1:5])
        rows.append(Row(match[1].strip(), total, at_once, most, median, match[6]))
    return done.stdout, rows


class LatenessCase(DemoCase):
    def best_of_some_runs(self, check, name, *arguments, **variables):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return check(*rows_of(name, *arguments, **variables))
            except AssertionError:
                if attempt == ATTEMPTS:
                    raise
        return None

    def assert_rounds(self, row, rounds):
        """It cannot be quicker than so many rounds of queries; how much slower it is, is up to the machine."""
        self.assertGreaterEqual(row.total, rounds * QUERY_MS - 1, row)

    def assert_stood_still(self, row):
        self.assertIn(row.verdict, STOOD_STILL, row)
        self.assertGreater(row.most, row.total * 0.8, row)

    def assert_ticked_on(self, row, blocked):
        self.assertIn(row.verdict, TICKED_ON, row)
        # On a busy machine a tick may wait long for a processor, but never for as long as all of the work.
        self.assertLess(row.most, max(LATE_MS_MAX, blocked.most * LATE_PART_MAX, row.total * 0.6), row)
        self.assertLess(row.median, LATE_MS_MAX / 2, row)


@unittest.skipUnless((PROGRAMS / "databases").is_file(), NOT_BUILT)
class Databases(LatenessCase):
    def check_sqlite(self, rows):
        self.assertEqual([row.at_once for row in rows], [1, 4])
        self.assert_rounds(rows[0], 10)
        self.assert_rounds(rows[1], 3)
        self.assertLess(rows[1].total, 0.7 * rows[0].total, rows)
        self.assert_stood_still(rows[0])
        self.assert_ticked_on(rows[1], rows[0])

    def test_sqlite_on_the_loop_stops_it_and_in_a_pool_of_four_does_not(self):
        def check(text, rows):
            self.assertEqual(len(rows), 2, text)
            self.check_sqlite(rows)

        for language in LANGUAGES:
            with self.subTest(language=language):
                self.best_of_some_runs(check, "databases", "--postgres", "none", "--lang", language)

    def test_a_pool_of_ten_does_ten_queries_in_one_round(self):
        def check(text, rows):
            self.assertEqual([row.at_once for row in rows], [1, 10], text)
            self.assertLess(rows[1].total, 0.4 * rows[0].total, text)

        self.best_of_some_runs(check, "databases", "--postgres", "none", "--threads", "10")

    @unittest.skipUnless(has_postgresql(), "there is no PostgreSQL: sudo apt-get install postgresql")
    def test_postgresql_takes_ten_rounds_three_or_one_and_only_the_first_stops_the_loop(self):
        def check(text, rows):
            self.assertEqual([row.name.split(",")[0] for row in rows], ["SQLite"] * 2 + ["PostgreSQL"] * 3, text)
            self.check_sqlite(rows[:2])
            self.assertEqual([row.at_once for row in rows[2:]], [1, 4, 10], text)
            for row, rounds in zip(rows[2:], (10, 3, 1)):
                self.assert_rounds(row, rounds)
            self.assertLess(rows[3].total, 0.7 * rows[2].total, text)
            self.assertLess(rows[4].total, 0.7 * rows[3].total, text)
            self.assert_stood_still(rows[2])
            for row in rows[3:]:
                self.assert_ticked_on(row, rows[2])

        self.best_of_some_runs(check, "databases", "--lang", "en")

    def test_without_postgresql_it_compares_the_rest_and_says_how_to_get_it(self):
        for language, words in (("en", "three lines are left out"), ("zh", "少比三行")):
            text, rows = rows_of("databases", "--lang", language, "--scale", "0.1", POSTGRES_PROGRAMS="/nonexistent")
            self.assertEqual(len(rows), 2, text)
            self.assertIn(words, text)
            self.assertIn("sudo apt-get install postgresql\n", text)

    def test_a_server_that_is_not_there_is_named(self):
        done = start("databases", "--postgres", "host=/nonexistent", "--scale", "0.1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r'\Adatabases: connection to server on socket "/nonexistent/[^\n]+\n\Z')


class LargeFile(LatenessCase):
    def test_a_large_file_read_on_the_loop_stops_it_and_in_a_thread_or_awaited_does_not(self):
        def check(text, rows):
            self.assertEqual(len(rows), 4, text)
            self.assert_stood_still(rows[0])
            for row in rows[1:]:
                self.assert_ticked_on(row, rows[0])

        for language in LANGUAGES:
            with self.subTest(language=language):
                self.best_of_some_runs(check, "large_file", "--lang", language)

    def test_it_leaves_no_file_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            rows_of("large_file", "--mebibytes", "1", TMPDIR=folder)
            self.assertEqual(os.listdir(folder), [])

    def test_flags_that_are_wrong_leave_with_2(self):
        for argument in ("--nope", "--mebibytes=0"):
            done = start("large_file", argument)
            self.assertEqual((done.returncode, done.stdout), (2, ""))


if __name__ == "__main__":
    python_suite.main()
