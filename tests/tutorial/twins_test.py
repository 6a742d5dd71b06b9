#!/usr/bin/env python3
"""Each classic mistake as a broken program and a cured one: the broken one is told of by name, with the line of the
mistake and its cure, and ends; the cured one is told of nothing. On both reactors, in debug mode and without it.

Usage: twins_test.py FOLDER_WITH_THE_BUILT_PROGRAMS
"""

import dataclasses
import functools
import os
import pathlib
import signal
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

SOURCES = ROOT / "tutorial" / "programs"
PROGRAMS = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build" / "tutorial" / "programs"
REACTORS = ("epoll", "io_uring")
DEADLINE_SECONDS = 60
TRIES = 10
LINES_MAX = 60
PITFALLS = "tutorial/en/pitfalls.md"


@dataclasses.dataclass(frozen=True)
class Mistake:
    begins: str  # the report, up to what varies
    names: tuple  # what it must name besides
    cure: str
    marker: str = "// the mistake"  # in the line that it must name; empty: it names none
    always: bool = True  # also outside of debug mode
    more: str = ""  # the section of the pitfalls page
    on_stdout: bool = False  # the program shows what was thrown


MISTAKES = {
    "blocked_loop": Mistake("stepwise: blocked-step: client has kept the loop for 1.",
                            ("in std::this_thread::", "in client()"), "cure: await instead (sleep",
                            always=False, more="blocked-step"),
    "long_turn": Mistake("stepwise: long-turn: one turn of the loop took 0.", ("for 100 handles",),
                         "cure: let fewer run in one turn", marker="", always=False, more="long-turn"),
    "never_awaited": Mistake("stepwise: never-awaited: the coroutine say_goodbye() was dropped before it began",
                             ("made at", "in app()"), "cure: co_await what it returns", more="never-awaited"),
    "lost_exception": Mistake("stepwise: balance of A, made at ",
                              ("ended with an exception that nobody retrieved", "there is no account of A"),
                              "cure: co_await it"),
    "destroyed_pending": Mistake("stepwise: destroyed-pending: the loop ended before 1 of its tasks did",
                                 ("log waits for a sleep of 0.1 s", "in write_log()", "made at"),
                                 "cure: await the tasks", more="destroyed-pending"),
    "deadlock": Mistake("stepwise: deadlock: 2 task(s) wait for each other in a circle",
                        ("Task-2 waits for a Lock", "Task-3 waits for a Lock", "in transfer()"),
                        "cure: break the circle", more="deadlock"),
    "wrong_thread": Mistake("thread: EventLoop::call_soon was called from a thread that is not the loop's. ",
                            ("in measure()",), "Only EventLoop::call_soon_threadsafe may be", on_stdout=True),
    "no_backpressure": Mistake("stepwise: no-backpressure: ",
                               ("bytes are queued for descriptor", "to 127.0.0.1:", "written at", "in produce()"),
                               "co_await write_all(…)", always=False, more="no-backpressure"),
    "swallowed_cancellation": Mistake("stepwise: swallowed-cancellation: poller was asked to stop",
                                      ("in poll()",), "cure: let CancelledError pass",
                                      marker="the report points here", more="swallowed-cancellation"),
}
BROKEN = [f"broken_{name}" for name in MISTAKES]
DANGLING = ("dangling_capture", "dangling_reference")


def environment(reactor, debug):
    kept = {name: value for name, value in os.environ.items() if name not in ("STEPWISE_DEBUG", "ASAN_OPTIONS")}
    return {**kept, "STEPWISE_REACTOR": reactor, **({"STEPWISE_DEBUG": "1"} if debug else {})}


@functools.cache
def run(name, reactor, debug):
    """The program's run; again if a step or a turn took longer than it should: the machine was busy."""
    expected = MISTAKES.get(name.removeprefix("broken_"))
    for _ in range(TRIES):
        done = subprocess.run([PROGRAMS / name], cwd=ROOT, capture_output=True, encoding="utf-8",
                              env=environment(reactor, debug), timeout=DEADLINE_SECONDS, check=False)
        slow = [rule for rule in ("blocked-step", "long-turn") if f"stepwise: {rule}" in done.stderr]
        if not slow or (expected and slow == [expected.more] and expected.begins in done.stderr):
            break
    return done


def line_of(name, marker):
    """FILE:LINE of the only line with the marker, as a report names it."""
    lines = (SOURCES / f"{name}.cpp").read_text(encoding="utf-8").splitlines()
    (number,) = [number for number, line in enumerate(lines, start=1) if marker in line]
    return f"tutorial/programs/{name}.cpp:{number}"


class TwinsTest(unittest.TestCase):
    maxDiff = None

    def each(self, names, check, debug=(True, False)):
        """check(program, run, debug) for each of the programs, on each reactor, in each mode."""
        for name in names:
            for reactor in REACTORS:
                for mode in debug:
                    with self.subTest(program=name, reactor=reactor, debug=mode):
                        check(name, run(name, reactor, mode), mode)

    def check_told(self, program, done, debug):
        mistake = MISTAKES[program.removeprefix("broken_")]
        told = done.stdout if mistake.on_stdout else done.stderr
        self.assertEqual(done.returncode, 0, told)
        self.assertEqual(told.count(mistake.begins), 1, told)
        report = told[told.index(mistake.begins):]
        self.assertIn(mistake.cure, report)
        if not debug:
            return  # who made what is known in debug mode only
        for name in mistake.names:
            self.assertIn(name, report)
        if mistake.marker:
            self.assertIn(line_of(program, mistake.marker), report)
        if mistake.more:
            self.assertIn(f"more: {PITFALLS}#{mistake.more}", report)

    def check_told_if_always(self, program, done, debug):
        if MISTAKES[program.removeprefix("broken_")].always:
            self.check_told(program, done, debug)
        else:
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def check_told_once(self, _, done, __):
        told = [line for line in done.stderr.splitlines() if line.startswith("stepwise: ")]
        self.assertLessEqual(len(told), 1, done.stderr)

    def check_silent(self, _, done, __):
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout)

    def check_sanitizer(self, program, done, _):
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("AddressSanitizer: heap-use-after-free", done.stderr)
        self.assertIn(line_of(program, "// the mistake"), done.stderr)

    def check_without_noise(self, _, done, __):
        for noise in ("../", "runtime/", "libc.so", "_ZN", "{anonymous}", "(anonymous namespace)"):
            self.assertNotIn(noise, done.stderr)

    def test_a_broken_program_is_told_of_in_debug_mode_by_name_with_the_line_and_the_cure_and_ends(self):
        self.each(BROKEN, self.check_told, debug=(True,))

    def test_without_debug_mode_it_is_told_of_what_costs_nothing_to_see(self):
        self.each(BROKEN, self.check_told_if_always, debug=(False,))

    def test_a_broken_program_is_told_of_one_mistake_only(self):
        self.each(BROKEN, self.check_told_once)

    def test_a_cured_program_is_told_of_nothing(self):
        self.each([f"cured_{name}" for name in (*MISTAKES, *DANGLING)], self.check_silent)

    def test_what_dangles_is_told_of_by_the_address_sanitizer_with_the_line(self):
        self.each([f"broken_{name}" for name in DANGLING], self.check_sanitizer, debug=(False,))

    def test_a_report_names_no_path_that_leads_out_of_the_source_and_nothing_of_the_runtime(self):
        self.each(BROKEN, self.check_without_noise, debug=(True,))

    def test_the_pitfalls_page_has_a_section_for_each_mistake_that_points_to_one(self):
        for language in ("en", "zh"):
            text = (ROOT / "tutorial" / language / "pitfalls.md").read_text(encoding="utf-8")
            for mistake in MISTAKES.values():
                if mistake.more:
                    self.assertIn(f"\n## {mistake.more}\n", text)

    def test_every_twin_is_here_has_its_twin_and_is_short(self):
        names = {path.stem for kind in ("broken", "cured") for path in SOURCES.glob(f"{kind}_*.cpp")}
        self.assertEqual(names, {f"{kind}_{name}" for kind in ("broken", "cured") for name in (*MISTAKES, *DANGLING)})
        for name in names:
            lines = (SOURCES / f"{name}.cpp").read_text(encoding="utf-8").splitlines()
            self.assertLessEqual(len(lines), LINES_MAX, name)


class SignalTest(unittest.TestCase):
    def start(self, reactor, debug):
        process = subprocess.Popen([PROGRAMS / "who_waits"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   encoding="utf-8", env=environment(reactor, debug))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "3 task(s)\n")  # it has its handler, and waits
        process.send_signal(signal.SIGUSR1)
        return process

    def test_in_debug_mode_SIGUSR1_shows_the_tasks_and_the_program_goes_on(self):
        for reactor in REACTORS:
            with self.subTest(reactor=reactor):
                process = self.start(reactor, True)
                _, told = process.communicate(timeout=DEADLINE_SECONDS)
                self.assertEqual(process.returncode, 0, told)
                so_far = r", \d\.\d\d s so far"
                self.assertRegex(told, r"3 task\(s\)\nTask-1 waits for waiter" + so_far)
                self.assertRegex(told, r"\n  waiter waits for cook" + so_far)
                self.assertRegex(told, r"\n    cook waits for a sleep of 1 s to be over" + so_far)
                self.assertIn("in bake()\n", told)

    def test_without_debug_mode_SIGUSR1_ends_a_program_as_it_always_does(self):
        for reactor in REACTORS:
            with self.subTest(reactor=reactor):
                process = self.start(reactor, False)
                _, told = process.communicate(timeout=DEADLINE_SECONDS)
                self.assertEqual((process.returncode, told), (-signal.SIGUSR1, ""))


class ExceptionHandlerTest(unittest.TestCase):
    def test_the_handler_of_a_loop_hears_of_what_nobody_caught(self):
        for reactor in REACTORS:
            with self.subTest(reactor=reactor):
                done = run("exception_handler", reactor, False)
                self.assertEqual(done.stderr, "")
                lines = done.stdout.splitlines()
                self.assertEqual(len(lines), 2)
                self.assertEqual(lines[0], "alarm: a callback: the disk is full")
                begins = "alarm: mailer, made at tutorial/programs/exception_handler.cpp:"
                self.assertTrue(lines[1].startswith(begins), lines[1])
                self.assertIn(", ended with an exception that nobody retrieved", lines[1])
                self.assertTrue(lines[1].endswith(": no route to the mail server"), lines[1])


if __name__ == "__main__":
    python_suite.main()
