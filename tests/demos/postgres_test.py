#!/usr/bin/env python3
"""The demo of libpq on the event loop, against the PostgreSQL that it starts: what it prints, and what it does when the
server dies, stands still or is not there. Usage: postgres_test.py FOLDER_WITH_THE_BUILT_DEMOS REACTOR
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from demo_runs import PROGRAMS, DemoCase, environment, output, start  # noqa: E402

SCALE = 0.3
DEADLINE_SECONDS = 60
PROGRAM = PROGRAMS / "postgres"
os.environ["STEPWISE_REACTOR"] = sys.argv[2]


def why_not():
    """Why there is nothing to run here, or nothing."""
    if not PROGRAM.is_file():
        return "the demo is not built: libpq-dev was not found when the build was configured"
    if not [*pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")] and not shutil.which("initdb"):
        return "there is no PostgreSQL: sudo apt-get install postgresql"
    return ""


def children_of(pid):
    try:
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        threading.Event().wait(0.01)
    raise AssertionError(f"{what}: not within {DEADLINE_SECONDS} s")


def server_below(pid):
    """The number and the folder of the server that a process has started, or None. Both are from one look: the command
    line is empty for a moment while the program that changes the user becomes the server."""
    for child in children_of(pid):
        if found := re.search(r"unix_socket_directories=(\S+)", command_of(child)):
            return child, pathlib.Path(found[1])
    return None


class SlowQuery:
    """The demo with a server of its own, in the middle of a query that ends only when something happens to it."""

    def __enter__(self):
        self.demo = subprocess.Popen([PROGRAM, "--query", "select pg_sleep(600)"], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, encoding="utf-8", env=environment())
        self.server, self.folder = 0, None
        try:
            self.server, self.folder = wait_for(lambda: server_below(self.demo.pid), "a server")
            self.backend = wait_for(lambda: next((pid for pid in children_of(self.server)
                                                  if "[local] SELECT" in command_of(pid)), 0), "a query under way")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.demo.poll() is None:
            self.demo.kill()
        self.demo.communicate()
        if self.server and self.server_runs():
            with contextlib.suppress(ProcessLookupError):  # it may be about to end by itself
                os.kill(self.server, signal.SIGCONT)
                os.kill(self.server, signal.SIGKILL)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def server_runs(self):
        return "unix_socket_directories=" in command_of(self.server)

    def end(self):
        """(exit code, stdout, stderr) of the demo, which must come to its end by itself."""
        out, errors = self.demo.communicate(timeout=DEADLINE_SECONDS)
        return self.demo.returncode, out, errors


@unittest.skipIf(why_not(), why_not())
class Queries(DemoCase):
    """One server for all; another demo started it."""

    @classmethod
    def setUpClass(cls):
        cls.slow = cls.enterClassContext(SlowQuery())

    def ask(self, query):
        conninfo = f"host={self.slow.folder} user=postgres dbname=postgres"
        done = start("postgres", "--postgres", conninfo, "--query", query)
        return done.returncode, done.stdout, done.stderr

    def test_one_query_prints_its_rows(self):
        self.assertEqual(self.ask("select n, 'a' || n, null from generate_series(1, 3) n"),
                         (0, "1 | a1 | NULL\n2 | a2 | NULL\n3 | a3 | NULL\n", ""))

    def test_a_result_of_many_megabytes_arrives_whole(self):
        code, out, errors = self.ask("select repeat('x', 10000) from generate_series(1, 2000)")
        self.assertEqual((code, len(out), errors), (0, 2000 * 10001, ""))

    def test_a_question_that_fills_the_socket_is_asked_whole(self):
        comment = "x" * 100_000
        self.assertEqual(self.ask(f"select length('{comment}')"), (0, "100000\n", ""))

    def test_a_query_that_is_wrong_ends_with_what_the_server_says(self):
        for query, message in (("selec 1", 'syntax error at or near "selec"'), ("select 1/0", "division by zero"),
                               ("select 1; select 2", "cannot insert multiple commands into a prepared statement"),
                               ("copy (select 1) to stdout", "COPY is not spoken here: the connection was closed")):
            with self.subTest(query=query):
                self.assertEqual(self.ask(query), (1, "", f"postgres: {message}\n"))


@unittest.skipIf(why_not(), why_not())
class Servers(DemoCase):
    scale = SCALE

    def assert_nothing_is_left(self, slow):
        wait_for(lambda: not slow.server_runs(), "the end of the server")
        self.assertFalse(slow.folder.exists(), "the server's folder is still there")

    def test_queries_are_awaited_refused_timed_out_cancelled_and_cut_off(self):
        expected = {"en": """-- 1: two queries on two connections, a clock beside them
the short query is answered: 1
the long query is answered: 2, and the clock ticked on
-- 2: an error of the query, not of the connection
error 42P01: relation "nowhere" does not exist
the same connection goes on: 3
-- 3: a query of 60 s gets 1 s
TimeoutError
queries that the server still works on: 0
the same connection goes on: 5
-- 4: the task that waits for a query is cancelled
CancelledError
the same connection goes on: 7
-- 5: the server hangs up in the middle of a query
error 57P01: terminating connection due to administrator command
error: the connection is closed
""", "zh": """-- 1: 两个查询，各用一个连接，旁边走着一个钟
短的查询有了答案: 1
长的查询有了答案: 2，这期间钟一直在走
-- 2: 查询出错，连接没事
错误 42P01: relation "nowhere" does not exist
同一个连接接着用: 3
-- 3: 查询要 60 s，只给它 1 s
TimeoutError
服务器还在做的查询: 0
同一个连接接着用: 5
-- 4: 等着查询的 task 被取消
CancelledError
同一个连接接着用: 7
-- 5: 查询当中，服务器断开了这个连接
错误 57P01: terminating connection due to administrator command
错误: the connection is closed
"""}
        for language, text in expected.items():
            def check(language=language, text=text):
                done = output("postgres", language, self.scale)
                self.assertEqual("".join(line[9:] + "\n" for line in done.splitlines()), text)
            with self.subTest(language=language):
                self.in_time(check)

    def test_a_server_that_dies_in_the_middle_of_a_query_is_a_clear_error_at_once(self):
        for how in (signal.SIGQUIT, signal.SIGKILL):
            with self.subTest(how=how.name), SlowQuery() as slow:
                killed = time.monotonic()
                os.kill(slow.server, how)
                code, out, errors = slow.end()
                self.assertLess(time.monotonic() - killed, 20)
                self.assertEqual((code, out), (1, ""))
                # Before its last words a server may warn; libpq prints warnings.
                self.assertRegex(errors, "^(WARNING: .*\n)*postgres: (server closed the connection unexpectedly|"
                                         "terminating connection because of unexpected postmaster exit)\n$")
                self.assert_nothing_is_left(slow)

    def test_a_killed_backend_is_a_clear_error_too(self):
        with SlowQuery() as slow:
            os.kill(slow.backend, signal.SIGKILL)
            self.assertEqual(slow.end(), (1, "", "postgres: server closed the connection unexpectedly\n"))
            self.assert_nothing_is_left(slow)

    def test_ctrl_c_in_the_middle_of_a_query_stops_the_server_and_removes_its_folder(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(how=how.name), SlowQuery() as slow:
                slow.demo.send_signal(how)
                self.assertEqual(slow.end(), (130, "", ""))
                self.assert_nothing_is_left(slow)

    def test_a_server_that_stands_still_hangs_nobody_up(self):
        with SlowQuery() as slow:
            for pid in (slow.server, slow.backend):
                os.kill(pid, signal.SIGSTOP)
            slow.demo.send_signal(signal.SIGINT)
            code, out, _ = slow.end()
            self.assertEqual((code, out), (130, ""))
            os.kill(slow.backend, signal.SIGCONT)
            self.assert_nothing_is_left(slow)

    def test_a_demo_that_is_killed_takes_its_server_along(self):
        with SlowQuery() as slow:
            slow.demo.kill()
            wait_for(lambda: not slow.server_runs(), "the end of the server")

    def test_where_there_is_no_postgresql_it_says_how_to_get_it(self):
        done = start("postgres", POSTGRES_PROGRAMS="/nonexistent")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, "postgres: there is no PostgreSQL here: sudo apt-get install postgresql\n")

    def test_a_server_that_is_not_there_is_named(self):
        done = start("postgres", "--postgres", "host=/nonexistent")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, 'postgres: connection to server on socket "/nonexistent/.s.PGSQL.5432" failed: '
                                      "No such file or directory\n")

    def test_flags_that_are_wrong_leave_with_2_and_help_with_0(self):
        self.assertIn("--postgres", start("postgres", "--help").stdout)
        for argument in ("--nope", "--lang=fr", "--scale=0"):
            done = start("postgres", argument)
            self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_a_conninfo_that_is_none_is_told(self):
        done = start("postgres", "--postgres", "nonsense")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, 'postgres: missing "=" after "nonsense" in connection info string\n')


if __name__ == "__main__":
    python_suite.main()
