#!/usr/bin/env python3
"""curl, Python's websockets, and a plain socket where bytes must be wrong, against http_hello:
`http_hello_test.py PROGRAM REACTOR`."""

import asyncio
import contextlib
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import unittest

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from program_contract import ServerProgramContract  # noqa: E402
from raw_connection import RawConnection, frame  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
WAIT_SECONDS_MAX = 30
HELLO = b"Hello, World!"
IDLE_CONNECTIONS = 10_000

# What a peer may not send, and the status that RFC 9110 and RFC 9112 ask for.
BAD_REQUESTS = (
    ("bare LF", b"GET / HTTP/1.1\nHost: x\n\n", 400),
    ("bare CR in a value", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    ("NUL in a value", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400),
    ("a space before the colon", b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
    ("a folded line", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
    ("no name", b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
    ("two spaces in the request line", b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("no version", b"GET /\r\nHost: x\r\n\r\n", 400),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ("a length and a transfer coding",
     b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("a negative length", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    ("a length with a sign", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400),
    ("a length that overflows",
     b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", None),
    ("a body beyond the limit", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n", 413),
    ("a chunk size that is no number",
     b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    ("a negative chunk size", b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", 400),
    ("a chunk longer than its size",
     b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400),
    ("bare LF in a chunk extension",
     b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a\nb\r\nab\r\n0\r\n\r\n", 400),
    ("an unknown transfer coding", b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13, chunked\r\n\r\n", 501),
    ("a header of 64 KiB", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 65536 + b"\r\n\r\n", 431),
    ("10,000 headers", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10000 + b"\r\n", 431),
    ("a target of 64 KiB", b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
)


def memory_bytes(server):
    pages = pathlib.Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(server):
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class HelloContract(ServerProgramContract, unittest.TestCase):
    program, reactor = PROGRAM, REACTOR


class HelloTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(ServerProcess(PROGRAM, "--reactor", REACTOR))

    def curl(self, *arguments, data=None):
        """curl's stdout; it fails the test if curl fails."""
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(WAIT_SECONDS_MAX)]
        run = subprocess.run([*command, *arguments], input=data, capture_output=True, timeout=2 * WAIT_SECONDS_MAX)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def status(self, *arguments):
        return int(self.curl("--output", os.devnull, "--write-out", "%{http_code}", *arguments))

    def fetch(self, *arguments, data=None):
        """(status line, headers, body) as curl saw them."""
        with tempfile.NamedTemporaryFile() as headers:
            body = self.curl("--dump-header", headers.name, *arguments, data=data)
            # The last block is the answer; one before it may be 100 Continue.
            lines = headers.read().decode("latin-1").strip().split("\r\n\r\n")[-1].split("\r\n")
        return lines[0], dict(line.lower().split(": ", 1) for line in lines[1:]), body


class HelloTest(HelloTestCase):
    def test_get_says_hello_as_plain_text(self):
        line, headers, body = self.fetch(self.server.url("/"))
        self.assertEqual((line, body), ("HTTP/1.1 200 OK", HELLO))
        self.assertEqual(headers["content-type"].split(";")[0], "text/plain")
        self.assertEqual(headers["content-length"], str(len(HELLO)))
        self.assertIn("date", headers)

    def test_a_query_changes_nothing(self):
        self.assertEqual(self.curl(self.server.url("/?a=1&b=%20")), HELLO)

    def test_head_is_get_without_a_body(self):
        with RawConnection(self.server.address) as raw:
            raw.send(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            response = raw.read_response(head_only=True)
            self.assertEqual((response.status, response.headers["content-length"]), (200, str(len(HELLO))))
            self.assertEqual(raw.read_to_the_end(), b"")
        self.assertEqual(self.status("--head", self.server.url("/")), 200)

    def test_post_echo_gives_the_body_back(self):
        for data in (b"", b"x", "你好".encode(), os.urandom(100_000), os.urandom(1024 * 1024)):
            with self.subTest(size=len(data)):
                self.assertEqual(self.curl("--data-binary", "@-", self.server.url("/echo"), data=data), data)

    def test_a_chunked_body_comes_back_too(self):
        for data in (b"x", os.urandom(100_000)):
            with self.subTest(size=len(data)):
                got = self.curl("--header", "Transfer-Encoding: chunked", "--data-binary", "@-",
                                self.server.url("/echo"), data=data)
                self.assertEqual(got, data)

    def test_who_asks_before_sending_is_told_to_continue(self):
        with RawConnection(self.server.address) as raw:
            raw.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(raw.read_response().status, 100)
            raw.send(b"abc")
            self.assertEqual(raw.read_response().body, b"abc")

    def test_two_urls_share_one_connection(self):
        url = self.server.url("/")
        counts = self.curl("--write-out", " %{num_connects};", url, url)
        self.assertEqual(counts, HELLO + b" 1;" + HELLO + b" 0;")

    def test_pipelined_requests_are_answered_in_order(self):
        with RawConnection(self.server.address) as raw:
            raw.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                     b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                     b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n"
                     b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answers = [raw.read_response() for _ in range(4)]
            self.assertEqual([answer.status for answer in answers], [200, 200, 404, 200])
            self.assertEqual((answers[0].body, answers[1].body, answers[3].body), (HELLO, b"hi", HELLO))
            self.assertEqual(raw.read_to_the_end(), b"")

    def test_a_request_may_arrive_byte_by_byte(self):
        with RawConnection(self.server.address) as raw:
            for byte in b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n":
                raw.send(bytes([byte]))
            self.assertEqual(raw.read_response().body, b"hi")

    def test_http_1_0_is_answered_and_closed(self):
        with RawConnection(self.server.address) as raw:
            raw.send(b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual(raw.read_response().body, HELLO)
            self.assertEqual(raw.read_to_the_end(), b"")

    def test_a_client_that_ends_its_half_still_gets_its_answer(self):
        with RawConnection(self.server.address) as raw:
            raw.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            raw.end_sending()
            self.assertEqual(raw.read_response().body, HELLO)
            self.assertEqual(raw.read_to_the_end(), b"")

    def test_unknown_paths_and_methods_are_told_so(self):
        self.assertEqual(self.status(self.server.url("/none")), 404)
        line, headers, _ = self.fetch("--request", "DELETE", self.server.url("/"))
        self.assertIn(" 405 ", line)
        self.assertLessEqual({"get", "head"}, set(headers["allow"].split(", ")))
        self.assertEqual(self.fetch(self.server.url("/echo"))[1]["allow"], "post, options")

    def test_the_websocket_route_echoes_and_plain_http_there_is_told_to_upgrade(self):
        async def conversation():
            async with websockets.connect(self.server.url("/ws", "ws")) as socket:
                await socket.send("text")
                await socket.send(b"\x00bytes")
                return [await socket.recv(), await socket.recv()]
        echoed = asyncio.run(asyncio.wait_for(conversation(), WAIT_SECONDS_MAX))
        self.assertEqual(echoed, ["text", b"\x00bytes"])
        self.assertEqual(self.status(self.server.url("/ws")), 426)


class FlagsTest(unittest.TestCase):
    def serving(self, *flags):
        return self.enterContext(ServerProcess(PROGRAM, "--reactor", REACTOR, *flags))

    def connect(self, server):
        return self.enterContext(RawConnection(server.address))

    def test_max_body_decides_what_is_too_large(self):
        raw = self.connect(self.serving("--max-body", "10"))
        raw.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")
        self.assertEqual(raw.read_response().body, b"0123456789")
        raw.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n")
        response = raw.read_response()
        self.assertEqual((response.status, response.headers["connection"]), (413, "close"))
        self.assertIn(b"body_bytes_max", response.body)

    def test_a_head_and_a_body_that_do_not_come_are_told_408(self):
        server = self.serving("--header-timeout", "1", "--body-timeout", "1")
        late = [self.connect(server), self.connect(server)]
        late[0].send(b"GET / HTTP/1.1\r\nHost:")
        late[1].send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0")
        for raw in late:
            self.assertEqual(raw.read_response().status, 408)
            self.assertEqual(raw.read_to_the_end(), b"")

    def test_an_idle_connection_is_closed(self):
        self.assertEqual(self.connect(self.serving("--idle-timeout", "1")).read_to_the_end(), b"")

    def test_origin_lets_pages_of_other_sites_use_the_websocket(self):
        server = self.serving("--origin", "https://one.example", "https://two.example")

        async def ask(origin):
            async with websockets.connect(server.url("/ws", "ws"), origin=origin) as socket:
                await socket.send("x")
                return await socket.recv()

        for origin in ("https://one.example", "https://two.example", server.url("").rstrip("/")):
            with self.subTest(origin=origin):
                self.assertEqual(asyncio.run(asyncio.wait_for(ask(origin), WAIT_SECONDS_MAX)), "x")
        with self.assertRaises(websockets.exceptions.InvalidStatusCode) as refused:
            asyncio.run(asyncio.wait_for(ask("https://three.example"), WAIT_SECONDS_MAX))
        self.assertEqual(refused.exception.status_code, 403)

    def test_a_limit_that_is_none_is_refused(self):
        for flags in (("--max-body", "-1"), ("--header-timeout", "0"), ("--idle-timeout", "x")):
            with self.subTest(flags=flags):
                run = subprocess.run([PROGRAM, *flags], capture_output=True, text=True, timeout=WAIT_SECONDS_MAX)
                self.assertEqual((run.returncode, run.stderr.count("\n")), (2, 1))


class BadInputTest(HelloTestCase):
    def test_bad_requests_get_their_status_and_a_closed_connection(self):
        for title, data, status in BAD_REQUESTS:
            with self.subTest(title=title), RawConnection(self.server.address) as raw:
                raw.send(data)
                response = raw.read_response()
                self.assertIn(response.status, (400, 413) if status is None else (status,))
                self.assertEqual(response.headers.get("connection"), "close")
                self.assertEqual(raw.read_to_the_end(), b"")

    def test_nothing_behind_a_bad_request_is_served(self):
        with RawConnection(self.server.address) as raw:
            raw.send(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(raw.read_response().status, 400)
            self.assertEqual(raw.read_to_the_end(), b"")

    def test_clients_that_vanish_cost_the_others_nothing(self):
        for data in (b"", b"GE", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100,
                     b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"):
            raw = RawConnection(self.server.address)
            raw.send(data)
            raw.reset()
        self.assertEqual(self.curl(self.server.url("/")), HELLO)

    def test_ten_thousand_idle_connections_cost_the_others_nothing(self):
        before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most < IDLE_CONNECTIONS + 200:
            self.skipTest(f"a process may have {most} descriptors only")
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server inherits it
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (before, most))
        with ServerProcess(PROGRAM, "--reactor", REACTOR) as server, contextlib.ExitStack() as idle:
            empty = memory_bytes(server)
            for _ in range(IDLE_CONNECTIONS):
                idle.enter_context(socket.create_connection(server.address, WAIT_SECONDS_MAX))
            self.assertEqual(self.curl(server.url("/")), HELLO)
            self.assertLess(memory_bytes(server) - empty, IDLE_CONNECTIONS * 4096)
            self.assertEqual(server.stop(), 0, server.errors())

    def test_a_flood_at_the_descriptor_limit_makes_nothing_spin_and_is_served_in_the_end(self):
        get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        with contextlib.ExitStack() as stack:
            # The hard limit: a server takes at its start what it may have.
            server = stack.enter_context(
                ServerProcess(PROGRAM, "--reactor", REACTOR, under=("prlimit", "--nofile=60:60")))
            clients = [stack.enter_context(socket.create_connection(server.address, WAIT_SECONDS_MAX))
                       for _ in range(120)]
            clients[0].sendall(get)
            self.assertTrue(clients[0].recv(4096).startswith(b"HTTP/1.1 200 "))
            clients[-1].sendall(get)
            clients[-1].settimeout(1)
            before = cpu_seconds(server)
            with self.assertRaises(TimeoutError):
                clients[-1].recv(4096)
            self.assertLess(cpu_seconds(server) - before, 0.5)
            for client in clients[:100]:
                client.close()
            clients[-1].settimeout(WAIT_SECONDS_MAX)
            self.assertTrue(clients[-1].recv(4096).startswith(b"HTTP/1.1 200 "))
            self.assertEqual(server.stop(), 0)

    def test_a_request_that_is_half_there_does_not_hold_up_the_end(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR) as server, RawConnection(server.address) as raw:
            raw.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
            self.assertEqual(server.stop(), 0, server.errors())

    def test_a_kept_alive_connection_and_an_open_websocket_do_not_hold_up_the_end(self):
        with (ServerProcess(PROGRAM, "--reactor", REACTOR) as server, RawConnection(server.address) as idle,
              RawConnection(server.address) as socket):
            idle.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(idle.read_response().status, 200)
            self.assertEqual(socket.upgrade("/ws").status, 101)
            server.process.terminate()
            self.assertEqual(idle.read_to_the_end(), b"")
            self.assertEqual(socket.read_frame().close_code, 1001)
            socket.send(frame(0x88, b"\x03\xe9"))
            self.assertEqual(server.wait(), 0, server.errors())


if __name__ == "__main__":
    python_suite.main()
