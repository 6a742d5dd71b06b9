#!/usr/bin/env python3
"""Peers of ws_echo that break, stop, flood or deceive it, for real: `ws_faults_test.py PROGRAM REACTOR`. Between any
two of their steps somebody else's echo must come back; when they are gone, descriptors and memory are those of before.
On virtual time, with the close codes that the program sees: tests/sim/ws_faults_test.cpp."""

import contextlib
import ctypes
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from raw_connection import RawConnection, frame  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
MESSAGE_BYTES_MAX = 64 * 1024
FLOOD_BYTES = 64 * 1024 * 1024
# What a connection may cost: its queue, a message, and what malloc and the kernel's counting add. A flood is far more.
GROWTH_BYTES_MAX = 16 * 1024 * 1024
# Bounds against waiting for ever; none is an expectation on a busy machine.
END_SECONDS_MAX = 20
ECHO_SECONDS_MAX = 15
PATIENCE_SECONDS = 0.02
BOMBS = 30
VISITS = 10_000
CROWD = 100
CLOSE_4000 = frame(0x88, struct.pack("!H", 4000))
CLOSE_1001 = frame(0x88, struct.pack("!H", 1001))
HELLO = frame(0x81, b"hello")


def pull_cable(connection):
    """As far as the other end can see: the kernel drops whatever comes, and acknowledges nothing."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes
    program = struct.pack("HL", 1, ctypes.addressof(drop_all))
    so_attach_filter = 26
    connection.socket.setsockopt(socket.SOL_SOCKET, so_attach_filter, program)


class Attacker(RawConnection):
    """Open, with its first echo heard. It never waits for the server to take bytes."""

    def __init__(self, address, more="", receive_buffer_bytes=None):
        super().__init__(address)
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        assert self.upgrade(more=more).status == 101
        self.send(HELLO)
        assert self.read_answer().payload == b"hello"

    def try_send(self, data):
        """How many bytes the kernel takes at once; None when the connection is gone."""
        before = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return None
        finally:
            self.socket.settimeout(before)

    def has_more(self):
        return bool(self._received or select.select([self.socket], [], [], 0)[0])


class FaultsTest(unittest.TestCase):
    # Who is silent is let be, but where a test is about that: a busy machine makes everybody silent now and then.
    keepalive = ("--ping", "600", "--ping-timeout", "600")

    def setUp(self):
        self.server = self.enterContext(ServerProcess(PROGRAM, "--reactor", REACTOR, "--max-message",
                                                      str(MESSAGE_BYTES_MAX), *self.keepalive))
        self.bystander = self.enterContext(Attacker(self.server.address))
        self.others_are_served()
        self.descriptors, self.memory = self.count_descriptors(), self.resident_bytes("VmRSS")

    def process_path(self, name):
        return f"/proc/{self.server.process.pid}/{name}"

    def count_descriptors(self):
        return len(os.listdir(self.process_path("fd")))

    def resident_bytes(self, field):
        with open(self.process_path("status"), encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))

    def others_are_served(self):
        began = time.monotonic()
        self.bystander.send(HELLO)
        self.assertEqual(self.bystander.read_answer().payload, b"hello")
        self.assertLess(time.monotonic() - began, ECHO_SECONDS_MAX)

    def wait_until(self, condition, what):
        give_up = time.monotonic() + END_SECONDS_MAX
        while not condition():
            self.others_are_served()
            self.assertLess(time.monotonic(), give_up, f"not within {END_SECONDS_MAX} s: {what}")
            select.select([], [], [], PATIENCE_SECONDS)

    def assert_nothing_is_left(self):
        """Of those who are gone."""
        self.wait_until(lambda: self.count_descriptors() == self.descriptors, "the connection is gone")
        # At most, not only now.
        self.assertLess(self.resident_bytes("VmHWM") - self.memory, GROWTH_BYTES_MAX)
        self.assertIsNone(self.server.process.poll())

    def assert_closed_with(self, attacker, code):
        self.assertEqual(attacker.read_answer().close_code, code)
        self.assertEqual(attacker.read_to_the_end(), b"")

    def start_child(self):
        """A client in a process of its own, which has begun to talk and does nothing more."""
        host, port = self.server.address
        program = ("import sys; sys.path.insert(0, sys.argv[1]); from raw_connection import RawConnection, frame\n"
                   "raw = RawConnection((sys.argv[2], int(sys.argv[3]))); raw.upgrade()\n"
                   "raw.send(frame(0x81, b'hello')); raw.read_frame(); print('talks', flush=True)\n"
                   "raw.read_to_the_end()")
        child = subprocess.Popen([sys.executable, "-c", program, str(pathlib.Path(__file__).parent), host, str(port)],
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline(), "talks\n")
        self.assertEqual(self.count_descriptors(), self.descriptors + 1)
        return child


class GivenUpTest(FaultsTest):
    # Long enough that a machine without a moment for this process does not make a silent client of the bystander.
    keepalive = ("--ping", "1", "--ping-timeout", "4")

    def test_clients_that_are_stopped_or_whose_cable_is_pulled_are_given_up(self):
        child = self.start_child()
        child.send_signal(signal.SIGSTOP)
        with Attacker(self.server.address) as attacker:
            pull_cable(attacker)
            self.assertEqual(self.count_descriptors(), self.descriptors + 2)
            self.assert_nothing_is_left()
        child.send_signal(signal.SIGCONT)
        self.assertEqual(child.wait(END_SECONDS_MAX), 0)  # it learns of it when it goes on

    def test_messages_and_pings_of_who_does_not_read_are_not_taken_without_end(self):
        floods = {"messages": frame(0x82, os.urandom(32 * 1024)) * 8, "pings": frame(0x89, b"p" * 125) * 2000}
        with contextlib.ExitStack() as stack:
            taken = dict.fromkeys(floods, 0)
            attackers = {name: stack.enter_context(Attacker(self.server.address, receive_buffer_bytes=4096))
                         for name in floods}
            while self.count_descriptors() > self.descriptors and max(taken.values()) < FLOOD_BYTES:
                for name, attacker in attackers.items():
                    at = taken[name] % len(floods[name])
                    taken[name] += attacker.try_send(memoryview(floods[name])[at:]) or 0
                self.others_are_served()
            # They are given up, as nothing of what they send is heard any more.
            self.assertLess(max(taken.values()), FLOOD_BYTES, taken)
            self.assert_nothing_is_left()


class VanishingTest(FaultsTest):
    def test_a_client_that_is_killed_is_let_go(self):
        self.start_child().kill()
        self.assert_nothing_is_left()

    def test_a_reset_a_half_close_and_half_a_frame_end_a_connection(self):
        reset = Attacker(self.server.address)
        reset.reset()
        for bytes_before in (b"", HELLO[:3], frame(0x01, b"begun"), frame(0x82, b"x" * 60000)[:1000]):
            with Attacker(self.server.address) as attacker:
                attacker.send(bytes_before)
                attacker.end_sending()
                self.assertEqual(attacker.read_to_the_end(), b"")
        self.assert_nothing_is_left()


class SlowTest(FaultsTest):
    def test_a_slow_reader_gets_every_echo(self):
        payloads = [struct.pack("!I", number) * 2048 for number in range(100)]
        unsent = b"".join(frame(0x82, payload) for payload in payloads)
        with Attacker(self.server.address, receive_buffer_bytes=64 * 1024) as attacker:
            attacker.read_bytes_max = 4096
            while payloads:
                unsent = unsent[attacker.try_send(unsent):] if unsent else unsent
                answer = attacker.read_frame()
                if answer.first_byte == 0x82:
                    self.assertEqual(answer.payload, payloads.pop(0))
                self.others_are_served()
            attacker.send(CLOSE_4000)
            self.assert_closed_with(attacker, 4000)
        self.assert_nothing_is_left()

    def test_writers_of_single_bytes_are_heard(self):
        head = (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(RawConnection(self.server.address)) for _ in range(20)]
            for writer in writers:
                writer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in head + HELLO + CLOSE_4000:
                for writer in writers:
                    writer.send(bytes([byte]))
                self.others_are_served()
            for writer in writers:
                self.assertEqual(writer.read_response().status, 101)
                self.assertEqual(writer.read_frame().payload, b"hello")
                self.assert_closed_with(writer, 4000)
        self.assert_nothing_is_left()


class FloodTest(FaultsTest):
    def test_a_flood_of_pings_is_answered_for_who_reads(self):
        pings = b"".join(frame(0x89, struct.pack("!I", number)) for number in range(20_000))
        with Attacker(self.server.address) as attacker:
            unsent, pongs = pings, []
            while len(pongs) < 20_000:
                unsent = unsent[attacker.try_send(unsent[:1 << 16]):]
                self.others_are_served()
                while len(pongs) < 20_000 and attacker.has_more():
                    heard = attacker.read_frame()
                    pongs += [heard.payload] if heard.first_byte == 0x8A else []
            self.assertEqual(pongs, [struct.pack("!I", number) for number in range(20_000)])
            attacker.send(CLOSE_4000)
            self.assert_closed_with(attacker, 4000)
        self.assert_nothing_is_left()

    def test_a_flood_of_fragments_is_closed_with_1009_where_they_are_a_message_too_long(self):
        fragments = frame(0x02, b"f") + b"".join(frame(0x00, b"f") for _ in range(MESSAGE_BYTES_MAX))
        with Attacker(self.server.address) as attacker:
            attacker.send(fragments)
            self.others_are_served()
            self.assert_closed_with(attacker, 1009)
        self.assert_nothing_is_left()

    def test_fragments_of_nothing_are_allowed_and_cost_nothing(self):
        with Attacker(self.server.address) as attacker:
            attacker.send(frame(0x01, b"a") + frame(0x00) * 100_000 + frame(0x80, b"b"))
            self.others_are_served()
            self.assertEqual(attacker.read_frame().payload, b"ab")
        self.assert_nothing_is_left()

    def test_decompression_bombs_are_closed_with_1009(self):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(bytes(FLOOD_BYTES)) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]
        bomb = frame(0xC2, packed)
        for _ in range(BOMBS):
            with Attacker(self.server.address, "Sec-WebSocket-Extensions: permessage-deflate\r\n") as attacker:
                attacker.send(bomb)
                self.others_are_served()
                self.assert_closed_with(attacker, 1009)
        self.assert_nothing_is_left()


class CrowdTest(FaultsTest):
    def visit(self, way):
        """Comes, and goes in one of five ways."""
        visitor = RawConnection(self.server.address)
        if way == 0:
            visitor.send(b"GET / HTTP/1.1\r\nHo")
        else:
            visitor.upgrade()
        if way == 1:
            visitor.send(CLOSE_4000)
            self.assert_closed_with(visitor, 4000)
        elif way == 2:
            visitor.send(HELLO)
            visitor.reset()
        elif way == 3:
            visitor.send(HELLO[:3])
        visitor.__exit__()

    def test_ten_thousand_come_and_go_and_leave_nothing(self):
        for number in range(VISITS):
            self.visit(number % 5)
            if number == VISITS // 10:
                self.assert_nothing_is_left()
                self.memory = self.resident_bytes("VmRSS")
            if number % 20 == 0:
                self.others_are_served()
        self.wait_until(lambda: self.count_descriptors() == self.descriptors, "all are gone")
        self.assertLess(self.resident_bytes("VmRSS") - self.memory, 1024 * 1024)

    def test_a_server_that_ends_tells_everybody_1001_and_is_gone_whatever_each_of_the_crowd_does(self):
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(Attacker(self.server.address)) for _ in range(CROWD)]
            big = frame(0x82, bytes(60_000))
            for guest in crowd[::5]:
                guest.send(big * 3)  # whose echoes are on their way when the signal comes
            self.assertEqual(crowd[0].read_frame().first_byte, 0x82)
            self.server.process.terminate()
            for number, guest in enumerate(crowd):
                frames = [guest.read_frame()]
                while frames[-1].first_byte != 0x88:
                    frames.append(guest.read_frame())
                self.assertEqual(frames[-1].close_code, 1001)
                if number % 5 == 1:
                    guest.reset()
                elif number % 5 == 2:
                    guest.send(HELLO * 1000)
                elif number % 5 == 3:
                    guest.end_sending()
                elif number % 5 == 0:
                    guest.send(CLOSE_1001)
            self.assertEqual(self.server.wait(), 0, self.server.errors())


if __name__ == "__main__":
    python_suite.main()
