#!/usr/bin/env python3
"""`./stepwise ws`, the client for the terminal and for scripts, against Python's websockets:
`ws_command_test.py PROGRAM REACTOR [tls]`."""

import asyncio
import contextlib
import functools
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from authority import Authority  # noqa: E402

PROGRAM, REACTOR, TLS = (sys.argv + ["", "", ""])[1:4]


# For an answer. A server on a busy machine may need more: each try gives it more than the one before.
WAITS = ("0.2", "2", "10")


def patiently(test):
    """For a test whose client closes by itself when nothing has come for a while."""
    @functools.wraps(test)
    def tests(self):
        return self.in_time(functools.partial(test, self))
    return tests


async def start_client(url, *flags, stdin, stdout=subprocess.PIPE):
    return await asyncio.create_subprocess_exec(
        PROGRAM, url, *flags, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
        env=os.environ | {"STEPWISE_REACTOR": REACTOR})


async def end_of(process, given=None):
    try:
        output, errors = await asyncio.wait_for(process.communicate(given), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, (output or b"").decode(), errors.decode()


async def run_client(url, given, *flags):
    return await end_of(await start_client(url, *flags, stdin=subprocess.PIPE), given)


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def until_it_waits(socket):
    """Each pong is a turn of the client's loop, and by its second it has looked at stdin."""
    for _ in range(2):
        await (await socket.ping())


# Of the program itself, and of both sockets' buffers.
READ_AHEAD_BYTES_MAX = 16 << 20


def bytes_read(pid):
    """By read(2): of stdin, and a little while it was loaded. What comes from sockets is received otherwise."""
    counts = pathlib.Path(f"/proc/{pid}/io").read_text(encoding="ascii")
    return int(re.search(r"^rchar: (\d+)$", counts, re.MULTILINE)[1])


@contextlib.contextmanager
def quiet_inputs():
    """A stdin that is at its end, and one on which nothing comes."""
    reading, writing = os.pipe()
    try:
        yield {"at its end": subprocess.DEVNULL, "open": reading}
    finally:
        os.close(reading)
        os.close(writing)


class Terminal:
    """`here` is its screen and keyboard; a program that has `there` finds a terminal."""

    def __enter__(self):
        self.here, self.there = os.openpty()
        self.seen = b""
        return self

    def __exit__(self, *_):
        os.close(self.here)
        self.end_there()

    def end_there(self):
        """Once a program has it: when that ends, reading here does, too."""
        if self.there is not None:
            os.close(self.there)
        self.there = None

    def type(self, keys):
        os.write(self.here, keys)

    async def wait_for(self, text):
        while text not in self.seen:
            self.seen += await asyncio.wait_for(asyncio.to_thread(os.read, self.here, 1000), 30)


class CommandTest(unittest.TestCase):
    wait = WAITS[0]

    def in_time(self, check):
        for self.wait in WAITS[:-1]:
            with contextlib.suppress(AssertionError):
                return check()
        self.wait = WAITS[-1]
        return check()

    def talk(self, given, *flags, serve=echo, scheme="ws", **options):
        async def main():
            async with websockets.serve(serve, "127.0.0.1", 0, **options) as server:
                host, port = server.sockets[0].getsockname()
                return await run_client(f"{scheme}://{host}:{port}/", given, "--wait", self.wait, *flags)
        return asyncio.run(main())

    def with_client(self, serve, use, stdin, *flags):
        async def main():
            async with websockets.serve(serve, "127.0.0.1", 0, close_timeout=0.1) as server:
                host, port = server.sockets[0].getsockname()
                return await use(await start_client(f"ws://{host}:{port}/", *flags, stdin=stdin))
        return asyncio.run(main())

    @patiently
    def test_lines_are_sent_and_what_comes_is_printed(self):
        code, output, errors = self.talk("hello\n/binary 00ff\n//slash\n你好".encode())
        self.assertEqual((code, output), (0, "hello\nbinary 00ff\n/slash\n你好\n"))
        self.assertRegex(errors, r"^connected to ws://127\.0\.0\.1:\d+/, compressed\nclosed: 1000 normal closure\n$")

    def test_in_a_terminal_each_answer_is_marked_and_ctrl_d_closes_with_1000(self):
        seen = []

        async def listen(socket):
            await echo(socket)
            seen.append(socket.close_code)

        async def main(terminal):
            async with websockets.serve(listen, "127.0.0.1", 0) as server:
                host, port = server.sockets[0].getsockname()
                process = await start_client(f"ws://{host}:{port}/", "--wait", "0.2", stdin=terminal.there,
                                             stdout=terminal.there)
                terminal.end_there()
                try:
                    for line in (b"hello", "你好".encode()):
                        terminal.type(line + b"\n")
                        await terminal.wait_for(b"\r\n< " + line + b"\r\n")
                    terminal.type(b"\x04")
                finally:
                    end = await end_of(process)
                return end
        with Terminal() as terminal:
            code, _, errors = asyncio.run(main(terminal))
        self.assertEqual((code, seen), (0, [1000]))
        self.assertEqual(terminal.seen, "hello\r\n< hello\r\n你好\r\n< 你好\r\n".encode())
        self.assertTrue(errors.endswith("closed: 1000 normal closure\n"), errors)

    def test_through_wss_a_server_is_believed_whose_certificate_ca_signed_and_no_other(self):
        if not TLS:
            self.skipTest("this build has no TLS")
        with tempfile.TemporaryDirectory() as folder:
            authority, other = Authority(folder, "authority"), Authority(folder, "other")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*authority.issue("server"))
            for flags, right in ((("--ca", authority.certificate), True), (("--ca", other.certificate), False),
                                 ((), False)):
                def check(flags=flags, right=right):
                    code, output, errors = self.talk(b"hello\n", *flags, scheme="wss", ssl=context)
                    self.assertEqual((code, output), (0, "hello\n") if right else (1, ""))
                    if right:
                        self.assertRegex(errors, r"^connected to wss://127\.0\.0\.1:\d+/.*\nclosed: 1000 ")
                    else:
                        self.assertRegex(errors, r"^ws: .*certificate.*\n$")
                with self.subTest(flags=flags):
                    self.in_time(check)

    def test_what_was_agreed_on_is_told(self):
        code, _, errors = self.talk(b"", "--subprotocol", "a", "b", "--no-compress", subprotocols=["b"])
        self.assertEqual(code, 0)
        self.assertRegex(errors, r"^connected to ws://127\.0\.0\.1:\d+/, subprotocol b\n")

    def test_the_servers_close_is_told_and_decides_the_exit_code(self):
        async def refuse(socket):
            await socket.send("first")
            await socket.close(4003, "no more")
        code, output, errors = self.talk(b"", "--wait", "5", serve=refuse)
        self.assertEqual((code, output), (1, "first\n"))
        self.assertIn("closed: 4003 defined by the application: no more\n", errors)

    def test_the_servers_close_ends_the_wait_at_once(self):
        async def leave(socket):
            await until_it_waits(socket)
            await socket.close(1000, "enough")
        with quiet_inputs() as inputs:
            for state, stdin in inputs.items():
                with self.subTest(stdin=state):
                    code, _, errors = self.with_client(leave, end_of, stdin, "--wait", "600", "--trace")
                    self.assertEqual(code, 0)
                    self.assertIn("closed: 1000 normal closure: enough\n", errors)
                    self.assertNotIn("> close", errors)

    def test_an_interrupt_closes_at_once(self):
        seen = []

        async def listen(socket):
            await until_it_waits(socket)
            await socket.send("now")
            await socket.wait_closed()
            seen.append(socket.close_code)

        async def interrupt(process):
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            process.send_signal(signal.SIGINT)
            return line, await end_of(process)
        with quiet_inputs() as inputs:
            for state, stdin in inputs.items():
                with self.subTest(stdin=state):
                    line, (code, _, errors) = self.with_client(listen, interrupt, stdin, "--wait", "600", "--trace")
                    self.assertEqual((line, code, seen.pop()), (b"now\n", 0, 1000))
                    self.assertRegex(errors, r" > close 1000 of 0 bytes\nclosed: 1000 normal closure\n$")

    def read_ahead(self, stdin, messages):
        """How many bytes the client has read beyond those of the messages that have come, when so many have."""
        async def main():
            client = asyncio.get_running_loop().create_future()
            ahead = []

            async def count(socket):
                received = 0
                for _ in range(messages):
                    received += len(await socket.recv()) + 1
                ahead.append(bytes_read((await client).pid) - received)
                socket.transport.abort()  # what it has sent would have to be taken before a Close
            async with websockets.serve(count, "127.0.0.1", 0, close_timeout=0.1) as server:
                host, port = server.sockets[0].getsockname()
                client.set_result(await start_client(f"ws://{host}:{port}/", "--no-compress", stdin=stdin))
                _, _, errors = await end_of(client.result())
            self.assertTrue(ahead, errors)
            return ahead[0]
        return asyncio.run(main())

    def test_stdin_is_read_no_faster_than_it_is_sent(self):
        line = "x" * 1000
        with tempfile.TemporaryFile() as file:
            file.write(f"{line}\n".encode() * 64_000)
            file.seek(0)
            with self.subTest(stdin="a file"):
                self.assertLess(self.read_ahead(file, 1), READ_AHEAD_BYTES_MAX)
        with subprocess.Popen(["yes", line], stdout=subprocess.PIPE) as endless, self.subTest(stdin="endless"):
            try:
                self.assertLess(self.read_ahead(endless.stdout, 20_000), READ_AHEAD_BYTES_MAX)
            finally:
                endless.kill()

    @patiently
    def test_lines_may_be_of_any_length(self):
        lines = [b"", b"a" * 65535, b"", b"b" * 65536, b"c" * 65537, b"d" * 300_000, b"the last one has no end"]
        code, output, _ = self.talk(b"\n".join(lines))
        self.assertEqual((code, output.encode()), (0, b"".join(line + b"\n" for line in lines)))

    @patiently
    def test_a_line_that_is_too_long_is_told_of_and_not_kept(self):
        too_long = b"x" * (65 << 20)
        code, output, errors = self.talk(b"first\n" + too_long + b"\nlast\n" + too_long)
        self.assertEqual((code, output), (0, "first\nlast\n"))
        self.assertEqual(errors.count("not sent: a line of more than 67108864 bytes\n"), 2)

    @patiently
    def test_a_text_is_printed_whole(self):
        async def send(socket):
            await socket.send("before\0behind")
        code, output, _ = self.talk(b"", serve=send)
        self.assertEqual((code, output), (0, "before\0behind\n"))

    def test_closed_standard_descriptors_are_as_none(self):
        seen = []

        async def listen(socket):
            await socket.send("first")
            seen.extend([message async for message in socket])
            seen.append(socket.close_code)

        async def start(url, closing):
            return await asyncio.create_subprocess_exec(
                "sh", "-c", f'exec "$0" "$@" {closing}', PROGRAM, url, "--wait", self.wait, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"STEPWISE_REACTOR": REACTOR})

        async def main(closing):
            async with websockets.serve(listen, "127.0.0.1", 0) as server:
                host, port = server.sockets[0].getsockname()
                return await end_of(await start(f"ws://{host}:{port}/", closing))
        for closing, expected in (("<&-", "first\n"), ("<&- >&-", ""), ("<&- >&- 2>&-", "")):
            def check(closing=closing, expected=expected):
                seen.clear()
                code, output, _ = asyncio.run(main(closing))
                self.assertEqual((code, output, seen), (0, expected, [1000]))
            with self.subTest(closing=closing):
                self.in_time(check)

    def test_a_second_interrupt_does_not_wait_for_the_servers_close(self):
        async def ignore(socket):
            await until_it_waits(socket)
            socket.transport.pause_reading()
            await socket.send("now")
            await socket.wait_closed()

        async def interrupt_twice(process):
            await asyncio.wait_for(process.stdout.readline(), 30)
            process.send_signal(signal.SIGINT)
            while b"> close" not in await asyncio.wait_for(process.stderr.readline(), 30):
                pass
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            return *await end_of(process), time.monotonic() - began
        code, _, errors, seconds = self.with_client(ignore, interrupt_twice, subprocess.DEVNULL, "--wait", "600",
                                                    "--trace")
        self.assertEqual(code, 1)
        self.assertIn("closed: 1006", errors)
        self.assertLess(seconds, 8, "it waits 10 s for a server's Close")

    def test_a_line_may_close_with_a_code_and_a_reason(self):
        seen = []

        async def listen(socket):
            with contextlib.suppress(websockets.ConnectionClosed):
                await echo(socket)
            seen.append((socket.close_code, socket.close_reason))
        code, _, _ = self.talk(b"/close 4001 bye bye\nnot sent\n", serve=listen)
        self.assertEqual((code, seen), (0, [(4001, "bye bye")]))

    @patiently
    def test_fields_and_origin_are_sent(self):
        async def tell(socket):
            headers = socket.request_headers
            await socket.send(f"{headers['Origin']} {headers['X-Kind']}")
            await echo(socket)
        _, output, _ = self.talk(b"", "--origin", "https://a.example", "--header", "X-Kind: test one", serve=tell)
        self.assertEqual(output, "https://a.example test one\n")

    @patiently
    def test_trace_tells_of_each_message(self):
        _, _, errors = self.talk(b"hello\n", "--trace")
        self.assertRegex(errors, r" > text of 5 bytes\n +\d+\.\d{3} < text of 5 bytes\n +\d+\.\d{3} > close 1000")

    def test_what_it_cannot_do_is_one_line(self):
        for url, flags, code, words in (("ws://127.0.0.1:1/", (), 1, "Connection refused"),
                                        ("http://127.0.0.1/", (), 2, "no ws:// or wss:// URL"),
                                        ("ws://127.0.0.1:1/", ("--header", "x"), 2, "--header needs"),
                                        ("ws://127.0.0.1:1/", ("--odd",), 2, "--odd")):
            with self.subTest(url=url, flags=flags):
                result, output, errors = asyncio.run(run_client(url, b"", *flags))
                self.assertEqual((result, output, errors.count("\n")), (code, "", 1))
                self.assertIn(words, errors)

    @patiently
    def test_words_that_are_no_command_are_told_and_not_sent(self):
        code, output, errors = self.talk(b"/odd\n/close 1005\n/binary 0\n\xff\nsent\n")
        self.assertEqual((code, output), (0, "sent\n"))
        for words in ("there are /close", "close code 1005 must not be sent", "hexadecimal", "not UTF-8"):
            self.assertIn(words, errors)


if __name__ == "__main__":
    python_suite.main()
