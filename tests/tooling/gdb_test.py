#!/usr/bin/env python3
"""runtime/gdb/stepwise_gdb.py in a real gdb, on gdb_tasks.cpp: `gdb_test.py COMPILER OPTIMISED PLAIN`."""

import functools
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

SCRIPT = ROOT / "runtime" / "gdb" / "stepwise_gdb.py"
SOURCE = (ROOT / "tests" / "tooling" / "gdb_tasks.cpp").read_text(encoding="utf-8").splitlines()
COMPILER = sys.argv[1]
PROGRAMS = {"optimised": sys.argv[2], "not optimised": sys.argv[3]}
GDB = shutil.which("gdb")
DEADLINE_SECONDS = 120
STOPPED = ("break look_here", "run")
# ContextVar, Coro, Future and Task stand in the variables of task 1; the queues are asked for in main's frame.
QUESTIONS = ("echo --tasks\\n", "stepwise tasks", "echo --task\\n", "stepwise task the answer",
             "echo --first\\n", "stepwise task Task-1", "echo --queues\\n", "frame function main", "print loop.timers_",
             "print loop.ready_", "echo --loop\\n", "stepwise tasks loop", "echo --end\\n")


def run_gdb(commands, *program):
    # What debuginfod might bring is not needed, and a question about it would stop the batch.
    words = [GDB, "-nx", "--batch", "-iex", "set debuginfod enabled off", "-ex", "set width 0", "-x", str(SCRIPT)]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run([*words, *program], capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL,
                          timeout=DEADLINE_SECONDS, check=False)
    return done.stdout + done.stderr


@functools.cache
def answers(*program, commands=STOPPED):
    """What gdb said to each of the questions, by its heading."""
    text = run_gdb((*commands, *QUESTIONS), *program)
    parts = dict(re.findall(r"^--(\w+)\n(.*?)(?=^--\w+\n)", text, re.MULTILINE | re.DOTALL))
    if "loop" not in parts:
        raise AssertionError(text)
    return parts


def line_of(text):
    """The number of the only line of the program that contains the text."""
    numbers = [number for number, line in enumerate(SOURCE, start=1) if text in line]
    assert len(numbers) == 1, (text, numbers)
    return numbers[0]


def at(text):
    return f"gdb_tasks.cpp:{line_of(text)}"


reads_frames = unittest.skipUnless(COMPILER == "gcc", "the variables of frames are read for g++ only")


def of_each_program(test):
    @functools.wraps(test)
    def tests(self):
        for name, program in PROGRAMS.items():
            with self.subTest(program=name):
                test(self, answers(program))
    return tests


@unittest.skipUnless(GDB, "gdb is not installed")
class GdbTest(unittest.TestCase):
    @of_each_program
    def test_every_task_tells_its_frames_and_what_it_waits_for(self, told):
        made = at("loop.create_future<int>(), loop.create_future<int>()")
        told = told["tasks"]
        self.assertIn("of thread 1: 11 task(s)\n  Task-1 runs now; made at ", told)
        self.assertIn(f"  the answer waits for a Future made at {made}; made at {at('loop.create_task(in_the_m')}\n"
                      f"      {at('co_await answer')}, in innermost\n"
                      f"      {at('co_await inner')}, in in_the_middle\n", told)
        self.assertIn(f"  Task-3 waits for the answer; made at {at('create_task(awaits_a_task')}\n"
                      f"      {at('co_await task;')}, in awaits_a_task\n", told)
        self.assertRegex(told, r"  Task-4 waits for recv on descriptor \d+; ")
        self.assertIn("  Task-5 waits for Task-9, Task-10; ", told)
        self.assertIn("  Task-6 waits for a sleep of 3600 s; ", told)
        self.assertIn("  Task-7 waits for a Lock, or a Semaphore's permit, which Task-6 had last; ", told)
        self.assertIn("  Task-8 waits for Event::Wait; ", told)
        self.assertIn(f"  Task-11 is ready to run; made at {at('late = loop.create_task')}\n", told)

    @of_each_program
    def test_loops_of_other_threads_are_found(self, told):
        told = told["tasks"]
        elsewhere = told.partition(" of thread 2: 3 task(s)\n")[2]
        self.assertIn("  Task-1 waits for Task-2, Task-3; ", elsewhere)
        self.assertIn(", in sleeps_elsewhere\n", elsewhere)

    @of_each_program
    def test_a_loop_can_be_named(self, told):
        told = told["loop"]
        self.assertRegex(told, r"^loop 0x[0-9a-f]+: 11 task\(s\)\n  Task-1 runs now")
        self.assertNotIn("sleeps_elsewhere", told)

    @reads_frames
    @of_each_program
    def test_one_task_shows_the_variables_of_its_frames(self, told):
        told = told["task"]
        self.assertRegex(told, r", in innermost\n +answer = pending; made at gdb_tasks.cpp:\d+\n +tries = 3\n")
        self.assertRegex(told, r"in in_the_middle\n +answer = pending; .*\n +inner = runs in the answer: "
                               rf"{at('co_await answer')}, in innermost\n")
        self.assertNotIn("Task-3", told)

    @reads_frames
    @of_each_program
    def test_futures_and_coroutines_are_printed_as_what_they_mean(self, told):
        told = told["first"]
        for line in ("result = result 42", "failed = exception std::runtime_error: the line is down",
                     "cancelled = cancelled; made at ", "answer = the answer, pending; made at ",
                     "unstarted = not started: ", "depth = 7 where no task has set it"):
            self.assertIn(line, told)

    @of_each_program
    def test_the_queues_of_a_loop_are_printed(self, told):
        told = told["queues"]
        self.assertIn("3 timer(s), the next due first", told)
        self.assertRegex(told, r"\[0\] = \"?at [\d.]+ s of the loop's clock: stepwise::Sleep::wake_up")
        self.assertIn("1 ready", told)

    def test_a_core_file_tells_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            core, program = f"{folder}/core", PROGRAMS["optimised"]
            stopped = run_gdb((*STOPPED, *QUESTIONS, f"generate-core-file {core}"), program)
            self.assertTrue(pathlib.Path(core).is_file(), stopped)
            dead = answers(program, core, commands=())
        for heading in ("tasks", "task", "first", "queues", "loop"):
            self.assertIn(dead[heading], stopped)

    def test_what_cannot_be_told_is_said(self):
        program = PROGRAMS["optimised"]
        self.assertIn("no program is being debugged: start one, or load a core file",
                      run_gdb(["stepwise tasks"], program))
        self.assertIn("no running loop has a task '99'; 'stepwise tasks' shows them",
                      run_gdb([*STOPPED, "stepwise task 99"], program))
        self.assertIn("no thread runs a loop", run_gdb(["break main", "run", "stepwise tasks"], program))
        self.assertIn("which one? stepwise task NUMBER|NAME", run_gdb([*STOPPED, "stepwise task"], program))


if __name__ == "__main__":
    python_suite.main()
