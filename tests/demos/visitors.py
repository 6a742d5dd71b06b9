"""Plays demos/visitors/NAME.txt to a server that really listens, as the simulator's Visitor plays it to one that is
simulated: `play(path, port, interrupt)`, each visitor in a thread of its own. A busy machine takes its time: a pause is
longer than written, and who interrupts the program waits until the others are done."""

import pathlib
import re
import socket
import threading

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "demos" / "visitors"
DEADLINE_SECONDS = 60
PAUSE_SECONDS_MIN = 0.3
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def scripts():
    return {path.stem: path for path in sorted(FOLDER.glob("*.txt"))}


def frame(first_byte, payload):
    assert len(payload) < 126
    return bytes([first_byte, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def seconds_of(text):
    number, unit = re.fullmatch(r"(\d+)(us|ms|s)", text).groups()
    return int(number) * UNITS[unit]


class Visitor:
    def __init__(self, steps, port):
        self.steps, self.port, self.interrupt = steps, port, None
        self.connection, self.heard, self.failure = None, b"", ""

    def hear(self, text):
        while text not in self.heard:
            block = self.connection.recv(65536)
            if not block:
                raise AssertionError(f"the connection ended before {text} came: {self.heard}")
            self.heard += block
        self.heard = self.heard[self.heard.index(text) + len(text):]

    def take(self, word, rest):
        text = rest.replace("\\r", "\r").replace("\\n", "\n").encode()
        if word == "connect":
            self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_SECONDS)
            self.heard = b""
        elif word == "send":
            self.connection.sendall(text)
        elif word == "upgrade":
            self.connection.sendall(
                b"GET " + text + b" HTTP/1.1\r\nHost: visitor\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            self.hear(b"\r\n\r\n")
        elif word == "say":
            self.connection.sendall(frame(0x81, text))
        elif word == "hear":
            self.hear(text)
        elif word == "close":
            self.connection.sendall(frame(0x88, b"\x03\xE8"))
        elif word == "leave":
            self.connection.close()
        elif word == "pause":
            threading.Event().wait(max(PAUSE_SECONDS_MIN, seconds_of(rest)))
        else:
            assert word == "interrupt", word
            self.interrupt()

    def run(self):
        try:
            for word, rest in self.steps:
                self.take(word, rest)
        except Exception as error:  # told by play(), in the thread of the test
            self.failure = f"{type(error).__name__}: {error}"


def play(path, port, interrupt):
    """What went wrong, a line each; nothing, when all heard what they wait for."""
    visitors = []
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "visitor":
            visitors.append(Visitor([], port))
        elif line and not line.startswith("#"):
            visitors[-1].steps.append((word, rest))
    threads = [threading.Thread(target=visitor.run) for visitor in visitors]
    others = [thread for visitor, thread in zip(visitors, threads) if ("interrupt", "") not in visitor.steps]

    def interrupt_behind_the_others():
        for thread in others:
            thread.join()
        interrupt()

    for visitor in visitors:
        visitor.interrupt = interrupt_behind_the_others
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [visitor.failure for visitor in visitors if visitor.failure]
