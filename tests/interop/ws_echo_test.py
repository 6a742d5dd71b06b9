#!/usr/bin/env python3
"""Python's websockets, and a plain socket where bytes must be wrong, against ws_echo:
`ws_echo_test.py PROGRAM REACTOR`."""

import asyncio
import contextlib
import http.client
import os
import pathlib
import select
import signal
import socket
import sys
import time
import unittest

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from program_contract import ServerProgramContract  # noqa: E402
from raw_connection import EXAMPLE_ACCEPT, RawConnection, frame  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
MESSAGE_BYTES_MAX = 1024 * 1024
WAIT_SECONDS_MAX = 60

# What RFC 6455 forbids, the bytes, and the close code that it asks for.
BROKEN_FRAMES = (
    ("an unmasked frame", frame(0x81, b"hi", masked=False), 1002),
    ("a reserved bit", frame(0xC1, b"hi"), 1002),
    ("a reserved opcode", frame(0x83, b"hi"), 1002),
    ("a fragmented ping", frame(0x09, b"hi"), 1002),
    ("a ping of 126 bytes", frame(0x89, b"x" * 126), 1002),
    ("a continuation of nothing", frame(0x80, b"hi"), 1002),
    ("a new message inside another", frame(0x01, b"a") + frame(0x81, b"b"), 1002),
    ("a length that is not in its shortest form", bytes([0x81, 0x80 | 126, 0, 2]) + b"\0\0\0\0hi", 1002),
    ("a length with its top bit set", bytes([0x82, 0x80 | 127, 0x80]) + b"\0" * 11, 1002),
    ("text that is not UTF-8", frame(0x81, b"\xc0\xaf"), 1007),
    ("half a character at the end of a text", frame(0x81, "é".encode()[:1]), 1007),
    ("a close with one byte", frame(0x88, b"x"), 1002),
    ("a close with code 1005", frame(0x88, b"\x03\xed"), 1002),
    ("a close reason that is not UTF-8", frame(0x88, b"\x03\xe8\xff"), 1007),
)


class EchoContract(ServerProgramContract, unittest.TestCase):
    program, reactor = PROGRAM, REACTOR


class EchoTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(ServerProcess(PROGRAM, "--reactor", REACTOR))

    def converse(self, conversation, path="/", **options):
        """Runs `conversation(socket)` on a connection of Python's websockets, within a deadline."""
        async def main():
            async with websockets.connect(self.server.url(path, "ws"), **options) as socket:
                return await conversation(socket)
        return asyncio.run(asyncio.wait_for(main(), WAIT_SECONDS_MAX))

    def echo_of(self, message, **options):
        async def conversation(socket):
            await socket.send(message)
            return await socket.recv()
        return self.converse(conversation, **options)


class EchoTest(EchoTestCase):
    def test_text_and_binary_come_back_as_what_they_were(self):
        for message in ("", "hello", "你好, wörld 🎈", "a\0b", b"", b"\x00\xff\xfe", bytes(range(256)) * 500):
            with self.subTest(message=message[:12]):
                self.assertEqual(self.echo_of(message), message)

    def test_lengths_around_each_form_come_back(self):
        for size in (125, 126, 127, 65535, 65536, 65537):
            with self.subTest(size=size):
                message = os.urandom(size)
                self.assertEqual(self.echo_of(message), message)

    def test_any_path_echoes(self):
        self.assertEqual(self.echo_of("here", path="/any/where?at=all"), "here")

    def test_a_message_of_one_mebibyte_passes_and_one_byte_more_is_closed_with_1009(self):
        message = os.urandom(MESSAGE_BYTES_MAX)
        self.assertEqual(self.echo_of(message), message)
        with self.assertRaises(websockets.ConnectionClosed) as caught:
            self.echo_of(message + b"x")
        self.assertEqual(caught.exception.rcvd.code, 1009)

    def test_the_limit_holds_for_a_message_in_fragments(self):
        with self.assertRaises(websockets.ConnectionClosed) as caught:
            self.echo_of([b"x" * 65536] * 16 + [b"x"])
        self.assertEqual(caught.exception.rcvd.code, 1009)

    def test_fragments_come_back_as_one_message(self):
        self.assertEqual(self.echo_of(["one ", "", "two ", "é"]), "one two é")
        self.assertEqual(self.echo_of([b"\x01"] * 1000), b"\x01" * 1000)

    def test_a_character_may_be_cut_between_fragments(self):
        with RawConnection(self.server.address) as raw:
            raw.upgrade()
            whole = "é".encode()
            raw.send(frame(0x01, whole[:1]) + frame(0x80, whole[1:]))
            self.assertEqual(raw.read_frame().payload, whole)

    def test_a_ping_is_answered_with_its_payload_also_between_fragments(self):
        async def conversation(socket):
            await (await socket.ping(b"are you there"))
        self.converse(conversation)
        with RawConnection(self.server.address) as raw:
            raw.upgrade()
            raw.send(frame(0x01, b"he") + frame(0x89, b"now") + frame(0x80, b"y"))
            pong, message = raw.read_frame(), raw.read_frame()
        self.assertEqual((pong.first_byte, pong.payload), (0x8A, b"now"))
        self.assertEqual((message.first_byte, message.payload), (0x81, b"hey"))

    def test_messages_keep_their_order(self):
        async def conversation(socket):
            messages = [str(number) * 100 for number in range(500)]
            for message in messages:
                await socket.send(message)
            return messages == [await socket.recv() for _ in messages]
        self.assertTrue(self.converse(conversation))

    def test_fifty_connections_talk_at_once(self):
        async def one(number):
            async with websockets.connect(self.server.url("/", "ws")) as socket:
                for round_number in range(20):
                    await socket.send(f"{number}:{round_number}")
                    self.assertEqual(await socket.recv(), f"{number}:{round_number}")

        async def main():
            await asyncio.gather(*(one(number) for number in range(50)))
        asyncio.run(asyncio.wait_for(main(), WAIT_SECONDS_MAX))

    def test_a_subprotocol_that_it_does_not_speak_is_not_agreed_on(self):
        async def conversation(socket):
            return socket.subprotocol
        self.assertEqual(self.converse(conversation, subprotocols=["chat", "superchat"]), None)

    def test_compression_is_agreed_on_where_the_client_offers_it(self):
        async def conversation(socket):
            for message in ("short", "again and again, " * 100, b"x" * MESSAGE_BYTES_MAX, os.urandom(5000)):
                await socket.send(message)
                self.assertEqual(await socket.recv(), message)
            return [extension.name for extension in socket.extensions]
        self.assertEqual(self.converse(conversation, compression="deflate"), ["permessage-deflate"])
        self.assertEqual(self.converse(conversation, compression=None), [])

    def test_each_way_of_compressing_that_a_client_may_ask_for_works(self):
        async def conversation(socket):
            for message in ["again and again, " * 100, "shorter, " * 15] * 5:
                await socket.send(message)
                self.assertEqual(await socket.recv(), message)
        for bits in range(9, 16):
            for server_forgets in (False, True):
                with self.subTest(bits=bits, server_forgets=server_forgets):
                    offer = ClientPerMessageDeflateFactory(
                        server_no_context_takeover=server_forgets, client_no_context_takeover=not server_forgets,
                        server_max_window_bits=bits, client_max_window_bits=bits)
                    self.converse(conversation, compression=None, extensions=[offer])

    def test_a_message_that_unpacks_to_more_than_the_limit_is_closed_with_1009(self):
        with self.assertRaises(websockets.ConnectionClosed) as caught:
            self.echo_of(b"\0" * (MESSAGE_BYTES_MAX + 1), compression="deflate")
        self.assertEqual(caught.exception.rcvd.code, 1009)
        self.assertIn("message_bytes_max", caught.exception.rcvd.reason)


class ClosingTest(EchoTestCase):
    def test_the_close_code_of_the_client_comes_back(self):
        for code, reason in ((1000, ""), (1001, "going"), (3000, ""), (4001, "bye")):
            with self.subTest(code=code):
                async def conversation(socket):
                    await socket.close(code, reason)
                    return socket.close_rcvd.code
                self.assertEqual(self.converse(conversation), code)

    def test_an_empty_close_is_answered_and_the_connection_ends(self):
        with RawConnection(self.server.address) as raw:
            raw.upgrade()
            raw.send(frame(0x88))
            answer = raw.read_frame()
            self.assertEqual(answer.first_byte, 0x88)
            self.assertIn(answer.close_code, (None, 1000))
            self.assertEqual(raw.read_to_the_end(), b"")

    def test_broken_frames_get_their_close_code_and_the_connection_ends(self):
        for title, data, code in BROKEN_FRAMES:
            with self.subTest(title=title), RawConnection(self.server.address) as raw:
                raw.upgrade()
                raw.send(data)
                self.assertEqual(raw.read_frame().close_code, code)
                self.assertEqual(raw.read_to_the_end(), b"")

    def test_clients_that_vanish_cost_the_others_nothing(self):
        for data in (b"", b"\x81", frame(0x01, b"begun"), frame(0x82, b"x" * 70000)[:1000]):
            raw = RawConnection(self.server.address)
            raw.upgrade()
            raw.send(data)
            raw.reset()
        half_open = RawConnection(self.server.address)
        half_open.send(b"GET / HTTP/1.1\r\nHo")
        half_open.reset()
        self.assertEqual(self.echo_of("still here"), "still here")

    def test_sigterm_tells_open_clients_1001(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR) as server, RawConnection(server.address) as raw:
            self.assertEqual(raw.upgrade().status, 101)
            server.process.terminate()
            self.assertEqual(raw.read_frame().close_code, 1001)
            raw.send(frame(0x88, b"\x03\xe9"))
            self.assertEqual(server.wait(), 0, server.errors())

    def test_sigterm_ends_it_although_a_client_never_answers_the_close(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR) as server, RawConnection(server.address) as raw:
            raw.upgrade()
            self.assertEqual(server.stop(), 0, server.errors())

    def test_sigterm_ends_it_although_a_client_has_full_buffers_and_never_reads(self):
        size = 6 << 20
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--max-message", str(size)) as server, \
                RawConnection(server.address) as raw:
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 << 10)
            raw.upgrade()
            raw.send(frame(0x82, bytes(size)))
            select.select([raw.socket], [], [], WAIT_SECONDS_MAX)  # the echo begins
            self.assertEqual(server.stop(), 0, server.errors())
            self.assertLess(len(raw.read_to_the_end()), size)  # the rest was the server's when it ended


class HandshakeTest(EchoTestCase):
    def test_a_second_signal_ends_every_loop_at_once_although_clients_do_not_answer_the_close(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--threads", "2") as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(RawConnection(server.address)) for _ in range(16)]
            for raw in clients:
                raw.upgrade()
            server.process.send_signal(signal.SIGTERM)
            for raw in clients:
                self.assertEqual(raw.read_frame().close_code, 1001)
            began = time.monotonic()
            self.assertEqual(server.stop(), 0, server.errors())
            self.assertLess(time.monotonic() - began, 5)  # by itself it would wait for ten

    def test_the_accept_key_is_that_of_rfc_6455(self):
        with RawConnection(self.server.address) as raw:
            response = raw.upgrade()
        self.assertEqual(response.status, 101)
        self.assertEqual(response.headers["sec-websocket-accept"], EXAMPLE_ACCEPT)
        self.assertEqual((response.headers["upgrade"], response.headers["connection"]), ("websocket", "upgrade"))

    def test_a_frame_in_the_same_packet_as_the_handshake_is_not_lost(self):
        with RawConnection(self.server.address) as raw:
            head = ("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
            raw.send(head.encode() + frame(0x81, b"early"))
            self.assertEqual(raw.read_response().status, 101)
            self.assertEqual(raw.read_frame().payload, b"early")

    def test_plain_http_is_told_to_upgrade(self):
        connection = http.client.HTTPConnection(*self.server.address, timeout=WAIT_SECONDS_MAX)
        self.addCleanup(connection.close)
        connection.request("GET", "/")
        response = connection.getresponse()
        self.assertEqual((response.status, response.getheader("Upgrade").lower()), (426, "websocket"))

    def test_another_version_is_told_which_one_is_spoken(self):
        with RawConnection(self.server.address) as raw:
            response = raw.upgrade(version="12")
        self.assertEqual((response.status, response.headers["sec-websocket-version"]), (426, "13"))

    def test_a_handshake_without_a_good_key_is_refused(self):
        for key in ("", "short", "dGhlIHNhbXBsZSBub25jZ!=="):
            with self.subTest(key=key), RawConnection(self.server.address) as raw:
                self.assertEqual(raw.upgrade(key=key).status, 400)


class FlagsTest(unittest.TestCase):
    def talk(self, flags, conversation, **options):
        with ServerProcess(PROGRAM, "--reactor", REACTOR, *flags) as server:
            async def main():
                async with websockets.connect(server.url("/", "ws"), **options) as socket:
                    return await conversation(socket)
            return asyncio.run(asyncio.wait_for(main(), WAIT_SECONDS_MAX))

    def test_no_compress_declines_every_offer(self):
        async def conversation(socket):
            return socket.extensions
        self.assertEqual(self.talk(["--no-compress"], conversation, compression="deflate"), [])

    def test_subprotocol_names_what_is_spoken(self):
        async def conversation(socket):
            return socket.subprotocol
        flags = ["--subprotocol", "chat", "echo"]
        self.assertEqual(self.talk(flags, conversation, subprotocols=["other", "echo", "chat"]), "echo")
        self.assertIsNone(self.talk(flags, conversation, subprotocols=["other"]))

    def test_max_message_is_the_limit(self):
        async def conversation(socket):
            await socket.send("x" * 100)
            self.assertEqual(await socket.recv(), "x" * 100)
            await socket.send("x" * 101)
            await socket.recv()
        with self.assertRaises(websockets.ConnectionClosed) as caught:
            self.talk(["--max-message", "100"], conversation)
        self.assertEqual(caught.exception.rcvd.code, 1009)

    def test_origin_names_whose_pages_may_connect_beside_its_own(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--origin", "https://friend.example") as server:
            host, port = server.address
            answers = {}
            for origin in ("https://friend.example", f"http://{host}:{port}", "https://evil.example", None):
                with RawConnection(server.address) as raw:
                    fields = f"Origin: {origin}\r\n" if origin else ""
                    raw.send((f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                              f"{fields}\r\n").encode())
                    answers[origin] = raw.read_response().status
            self.assertEqual(list(answers.values()), [101, 101, 403, 101])

    def test_a_silent_client_is_pinged_and_given_up(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--ping", "1", "--ping-timeout", "1") as server, \
                RawConnection(server.address) as raw:
            raw.upgrade()
            self.assertEqual(raw.read_frame().first_byte, 0x89)
            self.assertEqual(raw.read_to_the_end(), b"")

    def test_sigterm_loses_no_message_that_is_queued(self):
        size = 6 << 20  # more than both kernels' buffers take: the rest is queued in the server
        message = os.urandom(1 << 10) * (size >> 10)
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--max-message", str(size)) as server, \
                RawConnection(server.address) as raw:
            raw.upgrade()
            raw.send(frame(0x82, message))
            select.select([raw.socket], [], [], WAIT_SECONDS_MAX)  # the echo begins, and nobody reads it
            server.process.terminate()
            self.wait_until_refused(server.address)
            self.assertEqual(raw.read_frame().payload, message)
            self.assertEqual(raw.read_frame().close_code, 1001)
            raw.send(frame(0x88, b"\x03\xe9"))
            self.assertEqual(server.wait(), 0, server.errors())

    def wait_until_refused(self, address):
        """It has heard the signal: it listens no more."""
        give_up = time.monotonic() + WAIT_SECONDS_MAX
        while time.monotonic() < give_up:
            try:
                socket.create_connection(address, WAIT_SECONDS_MAX).close()
            except ConnectionError:
                return
        self.fail("it still listens")


if __name__ == "__main__":
    python_suite.main()
