#!/usr/bin/env python3
"""Our client against a fuzzing server of wsproto, in the dialogue that such suites speak:
`ws_echo_client_test.py PROGRAM REACTOR`."""

import asyncio
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from fuzzing_server import CASES, FuzzingServer  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]


async def run_client(url):
    process = await asyncio.create_subprocess_exec(PROGRAM, url, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                                   env=os.environ | {"STEPWISE_REACTOR": REACTOR})
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode(), errors.decode()


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
