"""Starts a server program on a free port, waits until it says that it accepts, and ends it as a supervisor would.

The process is ended by its id, always, and within a deadline. Leaving the `with` block without an error asserts the
graceful end that every server program promises: SIGTERM, then exit code 0."""

import os
import queue
import re
import signal
import subprocess
import tempfile
import threading

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20
LISTENING = re.compile(r"^listening on https?://(?P<host>\[[^\]]+\]|[^:/]+):(?P<port>\d+)$")


class ServerProcess:
    def __init__(self, program, *flags, under=()):
        """`under`: a command that becomes the program, such as prlimit(1)."""
        self.command = [*under, program, "--port", "0", *flags]
        self.output = []
        self._lines = queue.Queue()

    def __enter__(self):
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self._errors, text=True)
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        try:
            self.host, self.port = self._wait_until_it_listens()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, error_type, *_):
        if error_type is not None:
            self._kill()
        elif self.process.poll() is None:
            code = self.stop()
            assert code == 0, f"{self.command} ended with {code} after SIGTERM; stderr:\n{self.errors()}"

    def url(self, path="/", scheme="http"):
        return f"{scheme}://{self.host}:{self.port}{path}"

    @property
    def address(self):
        return self.host.strip("[]"), self.port

    def errors(self):
        """What the server has written to stderr. Its place in the file is ours, too: it stays where it is."""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    def stop(self, how=signal.SIGTERM):
        """Sends the signal and gives the exit code; kills and fails if the server does not end by itself."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self):
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._kill()
            raise AssertionError(f"{self.command} still ran after {STOP_SECONDS_MAX} s:\n{self.errors()}") from None
        self._close_output()
        return code

    def _kill(self):
        self.process.kill()
        self.process.wait()
        self._close_output()

    def _close_output(self):
        self._reader.join(STOP_SECONDS_MAX)
        self.process.stdout.close()

    def _read_output(self):
        for line in self.process.stdout:
            self.output.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _wait_until_it_listens(self):
        while True:
            try:
                line = self._lines.get(timeout=START_SECONDS_MAX)
            except queue.Empty:
                raise AssertionError(f"{self.command} did not listen within {START_SECONDS_MAX} s") from None
            if line is None:
                raise AssertionError(f"{self.command} ended with {self.process.wait()} before it listened; stderr:\n"
                                     f"{self.errors()}")
            found = LISTENING.match(line)
            if found:
                return found["host"], int(found["port"])
