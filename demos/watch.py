#!/usr/bin/env python3
"""Builds and runs a program, and again whenever one of its sources changes: `watch.py ROOT BUILD TARGET [FLAGS…]`,
which is what `./stepwise run NAME --watch` starts.

When a build fails its errors are shown and the program goes on as it is; when one succeeds and has made another
program, the old one is asked to end (SIGTERM, and SIGKILL after END_SECONDS_MAX) and the new one started, in debug
mode. Ends, with the program, on SIGINT and SIGTERM. It ends nothing that it has not started.
"""

import ctypes
import fcntl
import os
import pathlib
import select
import signal
import struct
import subprocess
import sys

END_SECONDS_MAX = 10
# An editor writes a file in several steps, and a checkout many files.
QUIET_MILLISECONDS = 150
SKIPPED = ("build", "node_modules", "__pycache__")

IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x4, 0x8, 0x40, 0x80, 0x100, 0x200
IN_CHANGED = IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
PR_SET_PDEATHSIG = 1
ENDING = {signal.SIGINT, signal.SIGTERM}
C = ctypes.CDLL(None, use_errno=True)


def say(text):
    print(f"watch: {text}", file=sys.stderr, flush=True)


def is_source(name):
    # Editors' own files: .name.swp, name~, #name#.
    return not name.startswith((".", "#")) and not name.endswith("~")


class Sources:
    """The folders below `root`, watched by inotify(7)."""

    def __init__(self, root):
        self.fd = C.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self.folders = {}
        self.add(root)

    def add(self, folder):
        for path, folders, _ in os.walk(folder):
            folders[:] = [name for name in folders if is_source(name) and not name.startswith(SKIPPED)]
            number = C.inotify_add_watch(self.fd, os.fsencode(path), IN_CHANGED)
            if number < 0:
                error = ctypes.get_errno()
                raise OSError(error, f"inotify_add_watch: {os.strerror(error)} (fs.inotify.max_user_watches)", path)
            self.folders[number] = path

    def take(self):
        """The names of what has changed since the last time."""
        names = []
        while True:
            try:
                block = os.read(self.fd, 65536)
            except BlockingIOError:
                return names
            while block:
                number, _, _, size = struct.unpack_from("iIII", block)
                name = os.fsdecode(block[16:16 + size].rstrip(b"\0"))
                block = block[16 + size:]
                if not name or not is_source(name) or name.startswith(SKIPPED):
                    continue
                path = os.path.join(self.folders.get(number, ""), name)
                if os.path.isdir(path):
                    self.add(path)
                names.append(path)


class Program:
    """The program that runs, if one does."""

    def __init__(self, path, flags):
        self.path, self.flags = path, flags
        self.process = self.end = self.made = None

    def identity(self):
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def is_new(self):
        return self.identity() not in (None, self.made)

    def start(self):
        self.made = self.identity()
        # Whoever asks us to end meanwhile waits: a program that has begun and that we do not know would be left behind.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

        def begin():
            C.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # if we are killed, so is it
            for each in ENDING:
                signal.signal(each, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

        try:
            self.process = subprocess.Popen([self.path, *self.flags], env={"STEPWISE_DEBUG": "1", **os.environ},
                                            preexec_fn=begin)
            self.end = os.pidfd_open(self.process.pid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def runs(self):
        return self.process is not None

    def reap(self):
        """Its exit code, as a shell tells it, when it has ended by itself or was asked to."""
        code = self.process.wait()
        code = code if code >= 0 else 128 - code
        os.close(self.end)
        self.process = self.end = None
        return code

    def stop(self, asked=False):
        if not self.runs():
            return 0
        if not asked:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            say(f"the program still runs {END_SECONDS_MAX} s after it was asked to end: it is killed")
            self.process.kill()
        return self.reap()


def build(folder, target):
    """Whether it was built. What a failure says is shown; of a success, nothing."""
    with open(folder / ".stepwise.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a `serve` in one terminal and a `run` in another take turns
        done = subprocess.run(["ninja", "-C", str(folder), target], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout)
        sys.stderr.flush()
    return done.returncode == 0


def build_and_start(folder, target, program):
    if not build(folder, target):
        say("the build failed; " + ("the program goes on as it was" if program.runs() else "waiting for a change"))
    elif program.is_new():
        if program.runs():
            program.stop()
            say("built, starting anew")
        program.start()
    elif not program.runs():
        program.start()


def wait_for_change(sources, program):
    """Until sources have changed, and nothing more comes for a moment."""
    poll = select.poll()
    poll.register(sources.fd, select.POLLIN)
    changed = False
    while True:
        if program.runs():
            poll.register(program.end, select.POLLIN)
        ready = dict(poll.poll(QUIET_MILLISECONDS if changed else None))
        if program.runs() and program.end in ready:
            poll.unregister(program.end)
            say(f"the program ended with {program.reap()}; waiting for a change")
        if sources.fd in ready:
            changed = bool(sources.take()) or changed
        elif changed:
            return


class Asked(Exception):
    def __init__(self, number):
        super().__init__(number)
        self.number = number


def ask(number, _):
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise Asked(number)


def main(arguments):
    if len(arguments) < 3:
        sys.exit("usage: watch.py ROOT BUILD TARGET [FLAGS…]")
    root, folder, target, *flags = arguments
    folder = pathlib.Path(folder)
    for each in ENDING:
        signal.signal(each, ask)
    program = Program(folder / target, flags)
    try:
        sources = Sources(root)
        while True:
            build_and_start(folder, target, program)
            wait_for_change(sources, program)
    except Asked as asked:
        # A terminal's SIGINT has reached the program, too, and a second one would end it at once.
        in_foreground = sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        return program.stop(asked=asked.number == signal.SIGINT and in_foreground)
    except OSError as error:
        program.stop()
        say(error)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
