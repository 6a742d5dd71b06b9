#!/usr/bin/env python3
"""Our client against a fuzzing server of wsproto, in the dialogue that such suites speak:
`ws_echo_client_test.py PROGRAM REACTOR`."""

import asyncio
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from fuzzing_server import CASES, FuzzingServer, faults  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
# The program's own.
MESSAGE_BYTES_MAX = 64 << 20
# A message as it grows, and what malloc or a sanitizer keeps of its smaller forms. The bomb's is twice as long.
MEMORY_BYTES_MAX = 8 * MESSAGE_BYTES_MAX


async def run_client(url, started=None):
    process = await asyncio.create_subprocess_exec(PROGRAM, url, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                                   env=os.environ | {"STEPWISE_REACTOR": REACTOR})
    if started:
        started.set_result(process.pid)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode(), errors.decode()


def peak_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024


class EchoClientTest(unittest.TestCase):
    def test_every_case_ends_as_it_should_and_the_report_is_asked_for(self):
        async def main():
            async with FuzzingServer() as server:
                code, output, errors = await run_client(server.url)
                self.assertEqual((code, errors), (0, ""))
                self.assertEqual(len(output.splitlines()), len(CASES))
                self.assertEqual(server.reported, ["stepwise"])
                results = server.results["stepwise"]
                self.assertEqual([name for name, _, _ in results], [name for name, _, _ in CASES])
                for name, is_right, came in results:
                    with self.subTest(name=name):
                        self.assertTrue(is_right, str(came)[:300])
        asyncio.run(main())

    def test_a_server_that_breaks_or_floods_or_deceives_it_costs_little_and_gets_the_right_close_code(self):
        peaks = []

        async def main():
            started = asyncio.get_running_loop().create_future()

            async def measure():
                peaks.append(peak_bytes(await started))
            cases = faults(MESSAGE_BYTES_MAX)
            async with FuzzingServer(cases, measure) as server:
                code, output, errors = await run_client(server.url, started)
            self.assertEqual((code, errors, server.reported), (0, "", ["stepwise"]))
            results = server.results["stepwise"]
            self.assertEqual([name for name, _, _ in results], [name for name, _, _ in cases])
            for (name, is_right, came), (_, _, right), line in zip(results, cases, output.splitlines(), strict=True):
                with self.subTest(name=name):
                    self.assertTrue(is_right, str(came)[:300])
                    code = {"close:1009": "1009", "end": "1006"}.get(right[-1], "1000")
                    self.assertRegex(line, rf"^case \d+ of \d+: {code} ")
        asyncio.run(main())
        self.assertEqual(len(peaks), 1)
        self.assertLess(peaks[0], MEMORY_BYTES_MAX)

    def test_a_server_that_is_not_there_is_told_in_one_line(self):
        code, output, errors = asyncio.run(run_client("ws://127.0.0.1:1"))
        self.assertEqual((code, output), (1, ""))
        self.assertEqual(errors.count("\n"), 1)
        self.assertIn("Connection refused", errors)

    def test_without_a_server_it_says_what_it_needs(self):
        done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("ws://HOST:PORT", done.stderr)


if __name__ == "__main__":
    python_suite.main()
