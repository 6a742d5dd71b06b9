#!/usr/bin/env python3
"""demos/watch.py over a project of one source, whose compiler is a stand-in that copies it. What ninja and a compiler
really do is seen by every other suite."""

import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

DEADLINE_SECONDS = 30
NINJA = """#!/usr/bin/env bash
[[ $1 == -C ]] || exit 9
source=$HOME/demos/program.cpp
grep -q BROKEN "$source" && { echo 'program.cpp:1:1: error: BROKEN does not name a type'; exit 1; }
cmp -s "$source" "$2/$3" && { echo 'ninja: no work to do.'; exit 0; }
rm -f "$2/$3" && cp "$source" "$2/$3" && chmod +x "$2/$3"
"""
PROGRAM = """#!/usr/bin/python3
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
print("version VERSION", os.getpid(), os.environ.get("STEPWISE_DEBUG"), *sys.argv[1:], flush=True)
open(os.path.dirname(sys.argv[0]) + "/../waits", "w")
asked = signal.sigwait({signal.SIGTERM, signal.SIGUSR1})
print("version VERSION ends", flush=True)
sys.exit(3 if asked == signal.SIGUSR1 else 0)
"""
# Asks the watch to end as soon as its program waits for that, and before it knows the program's descriptor.
ASKED_EARLY = """import os, runpy, signal, sys
def ask(pid, pidfd_open=os.pidfd_open):
    while not os.path.exists(f"{sys.argv[2]}/waits"):
        os.sched_yield()
    os.kill(os.getpid(), signal.SIGTERM)
    return pidfd_open(pid)
os.pidfd_open = ask
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class WatchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="step wise ")
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        for path in ("demos", "build/demos", "tools", "runtime/deep"):
            (self.home / path).mkdir(parents=True)
        (self.home / "tools" / "ninja").write_text(NINJA)
        (self.home / "tools" / "ninja").chmod(0o755)
        self.source = self.home / "demos" / "program.cpp"

    def write(self, version):
        """As an editor does it: a new file that takes the place of the old one."""
        new = self.home / ".program.cpp.swp"
        new.write_text(PROGRAM.replace("VERSION", version))
        new.rename(self.source)

    def start(self, version, how=()):
        self.write(version)
        self.lines = queue.Queue()
        self.watch = subprocess.Popen(
            [sys.executable, *how, ROOT / "demos" / "watch.py", self.home, self.home / "build", "demos/program",
             "--flag"],
            env={"PATH": f"{self.home / 'tools'}:/usr/bin:/bin", "HOME": str(self.home)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        reader = threading.Thread(target=lambda: [self.lines.put(line.rstrip("\n")) for line in self.watch.stdout])
        reader.start()
        self.addCleanup(self.watch.stdout.close)
        self.addCleanup(reader.join)
        self.addCleanup(self.end)
        return self.version_that_began(version)

    def end(self, how=signal.SIGTERM):
        if self.watch.poll() is None:
            self.watch.send_signal(how)
        return self.watch.wait(DEADLINE_SECONDS)

    def line(self):
        return self.lines.get(timeout=DEADLINE_SECONDS)

    def version_that_began(self, version):
        """Its process id."""
        words = self.line().split()
        self.assertEqual((words[:2], words[3:]), (["version", version], ["1", "--flag"]))
        return int(words[2])

    def assert_ended(self, pid):
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)

    def test_a_change_builds_and_starts_the_program_anew(self):
        first = self.start("1")
        self.write("2")
        self.assertEqual(self.line(), "version 1 ends")
        self.assertEqual(self.line(), "watch: built, starting anew")
        self.assertNotEqual(self.version_that_began("2"), first)
        self.assert_ended(first)
        self.assertEqual(self.end(), 0)
        self.assertEqual(self.line(), "version 2 ends")

    def test_a_build_that_fails_shows_the_error_and_leaves_the_program_as_it_is(self):
        first = self.start("1")
        self.write("BROKEN")
        self.assertEqual(self.line(), "program.cpp:1:1: error: BROKEN does not name a type")
        self.assertEqual(self.line(), "watch: the build failed; the program goes on as it was")
        os.kill(first, 0)
        self.write("2")
        self.assertEqual(self.line(), "version 1 ends")

    def test_a_change_that_makes_no_other_program_starts_nothing(self):
        first = self.start("1")
        (self.home / "runtime" / "deep" / "note.md").write_text("a word")
        (self.home / "runtime" / "deep" / ".note.md.swp").write_text("a word")
        self.write("1")
        self.write("2")
        self.assertEqual(self.line(), "version 1 ends")
        self.assertEqual(self.line(), "watch: built, starting anew")
        self.assert_ended(first)

    def test_a_folder_that_is_made_later_is_watched_too(self):
        self.start("1")
        later = self.home / "runtime" / "later"
        later.mkdir()
        self.write("BROKEN")
        self.assertIn("error: BROKEN", self.line())
        self.line()
        (later / "part.cpp").write_text("")
        self.assertIn("error: BROKEN", self.line())

    def test_a_program_that_ends_by_itself_is_told_of_and_comes_back_with_the_next_change(self):
        os.kill(self.start("1"), signal.SIGUSR1)
        self.assertEqual(self.line(), "version 1 ends")
        self.assertEqual(self.line(), "watch: the program ended with 3; waiting for a change")
        self.write("2")
        self.version_that_began("2")

    def test_a_first_build_that_fails_waits_for_the_cure(self):
        self.write("BROKEN")
        with self.assertRaises(AssertionError):
            self.start("BROKEN")
        self.assertEqual(self.line(), "watch: the build failed; waiting for a change")
        self.write("2")
        self.version_that_began("2")

    def test_its_end_is_that_of_the_program_too_and_of_nobody_else(self):
        stranger = subprocess.Popen(["/usr/bin/python3", "-c", "import signal; signal.sigwait({signal.SIGTERM})"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how=how):
                pid = self.start("1")
                self.assertEqual(self.end(how), 0)
                self.assertEqual(self.line(), "version 1 ends")
                self.assert_ended(pid)
        self.assertIsNone(stranger.poll())

    def test_an_end_that_is_asked_for_while_the_program_starts_is_that_of_the_program_too(self):
        pid = self.start("1", how=("-c", ASKED_EARLY))
        self.assertEqual(self.line(), "version 1 ends")
        self.assertEqual(self.watch.wait(DEADLINE_SECONDS), 0)
        self.assert_ended(pid)

    def test_a_watch_that_is_killed_takes_the_program_with_it(self):
        self.start("1")
        self.end(signal.SIGKILL)
        self.assertEqual(self.line(), "version 1 ends")


if __name__ == "__main__":
    python_suite.main()
