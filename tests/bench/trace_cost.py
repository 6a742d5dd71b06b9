#!/usr/bin/env python3
"""What the trace costs a WebSocket echo while nobody asks for one: instructions of a server for each message, counted
by callgrind in two builds: `trace_cost.py BUILD BUILD_WITH_TRACE_DISABLED`. Two runs differ in their messages alone, so
that what a program does at its beginning and its end is not counted."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

FEW, MANY = 1600, 12800
HANDSHAKE = (b"GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
MESSAGE = bytes([0x81, 0x80 | 64, 0, 0, 0, 0]) + b"x" * 64
ANSWER_BYTES = 66


def instructions(build, messages, at_once):
    environment = {name: value for name, value in os.environ.items() if name != "STEPWISE_TRACE"}
    with tempfile.TemporaryDirectory(prefix="stepwise-trace-cost-") as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", f"{build}/demos/ws_echo",
                   "--port", "0"]
        server = subprocess.Popen(command, env=environment | {"STEPWISE_REACTOR": "epoll"}, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        port = int(re.search(r":(\d+)$", server.stdout.readline()).group(1))
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(HANDSHAKE)
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            for _ in range(messages // at_once):
                client.sendall(MESSAGE * at_once)
                missing = ANSWER_BYTES * at_once
                while missing > 0:
                    missing -= len(client.recv(65536))
            server.send_signal(signal.SIGINT)
        return int(re.search(r"Collected : (\d+)", server.communicate()[1]).group(1))


def per_message(build, at_once):
    return (instructions(build, MANY, at_once) - instructions(build, FEW, at_once)) / (MANY - FEW)


def main(builds):
    for at_once in (1, 16):
        with_trace, without = (per_message(build, at_once) for build in builds)
        print(f"{at_once} at once: {with_trace:.0f} instructions a message, {without:.0f} without the trace: "
              f"{100 * (with_trace / without - 1):.1f} % more")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1:])
