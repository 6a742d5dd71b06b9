#!/usr/bin/env python3
"""A server under the tools that others measure and attack servers with, and behind nginx: `foreign_test.py
PROXIED_PROGRAM REACTOR`. h2load, wrk, slowhttptest and nginx are Debian's; what is absent is skipped."""

import asyncio
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from reserved_port import reserved_port  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
WAIT_SECONDS_MAX = 60
os.environ["PATH"] += ":/usr/sbin"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream behind {{ server 127.0.0.1:{port}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{front};
    location / {{
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
    }}
  }}
}}
"""


def needs(tool):
    return unittest.skipUnless(shutil.which(tool), f"{tool} is not installed")


def get(url, **fields):
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in fields.items()})
    with OPENER.open(request, timeout=WAIT_SECONDS_MAX) as response:
        return response.read().decode()


def sockets_of(process):
    """The numbers of the sockets that it has: none comes twice while the machine runs."""
    found = set()
    for name in os.listdir(f"/proc/{process.pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{process.pid}/fd/{name}"))
        except FileNotFoundError:  # closed meanwhile
            pass
    return {name for name in found if name.startswith("socket:")}


class LoadTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(ServerProcess(PROGRAM, "--reactor", REACTOR))

    def run_tool(self, *command):
        done = subprocess.run([*command, self.server.url()], capture_output=True, text=True, timeout=WAIT_SECONDS_MAX)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    @needs("h2load")
    def test_h2load_gets_an_answer_to_each_of_its_requests(self):
        out = self.run_tool("h2load", "--h1", "-n", "3000", "-c", "30")
        self.assertIn("3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored, 0 timeout", out)

    @needs("wrk")
    def test_wrk_finds_no_error(self):
        # Its own two seconds for an answer are few on a busy machine.
        out = self.run_tool("wrk", "-t1", "-c30", "-d1s", "--timeout", "30s")
        self.assertGreater(int(re.search(r"(\d+) requests in", out)[1]), 0)
        self.assertNotRegex(out, "Socket errors|Non-2xx")


@needs("slowhttptest")
class SlowTest(unittest.TestCase):
    """Fifty slow clients: others are served meanwhile, and the slow ones are dropped. They come within a quarter of a
    second and may stay for DROPPED_AFTER: time to see them all, also on a machine that has none for a while."""

    DROPPED_AFTER = "3"

    def attack(self, server, path, *mode):
        command = ["slowhttptest", "-c", "50", "-r", "200", "-l", "30", "-p", "5", *mode, "-u", server.url(path)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as attacker:
            slowest, most, dropped, attack_began = 0, 0, False, time.monotonic()
            while attacker.poll() is None and not dropped:
                began = time.monotonic()
                self.assertEqual(get(server.url()).split()[0], "http")
                slowest = max(slowest, time.monotonic() - began)
                now = len(sockets_of(server.process))
                most = max(most, now)
                dropped = most > 40 and now < 10
            attacker.terminate()
        self.assertGreater(most, 40, "they were there at once")
        # It ends before its time when it has no connection left.
        self.assertTrue(dropped or time.monotonic() - attack_began < 25, "they were not dropped while they went on")
        self.assertLess(slowest, 15)  # not as long as the attack

    def test_slow_heads_are_dropped(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--header-timeout", self.DROPPED_AFTER) as server:
            self.attack(server, "/", "-H", "-i", "1", "-t", "GET", "-x", "10")

    def test_slow_bodies_are_dropped(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--body-timeout", self.DROPPED_AFTER) as server:
            self.attack(server, "/echo", "-B", "-i", "1", "-t", "POST", "-s", "8192", "-x", "10")

    def test_slow_readers_are_dropped(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR, "--write-timeout", self.DROPPED_AFTER) as server:
            self.attack(server, "/long", "-X", "-w", "1", "-y", "2", "-n", "10", "-z", "1", "-k", "1")


@needs("nginx")
class BehindNginxTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(ServerProcess(PROGRAM, "--reactor", REACTOR))
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="stepwise_nginx_"))
        cls.front = cls.enterClassContext(reserved_port())
        configuration = pathlib.Path(folder) / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=cls.server.port, front=cls.front))
        cls.nginx = subprocess.Popen(["nginx", "-c", str(configuration), "-p", folder], stdin=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.end_nginx)
        give_up = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            with socket.socket() as looking:
                if looking.connect_ex(("127.0.0.1", cls.front)) == 0:
                    return
            assert cls.nginx.poll() is None and time.monotonic() < give_up, "nginx does not start"
            os.sched_yield()

    @classmethod
    def end_nginx(cls):
        cls.nginx.terminate()
        cls.nginx.wait(WAIT_SECONDS_MAX)

    def url(self, path="/", scheme="http"):
        return f"{scheme}://127.0.0.1:{self.front}{path}"

    def test_the_client_is_who_the_proxy_says_it_is_and_not_who_it_says_itself(self):
        self.assertEqual(get(self.url()), "https 127.0.0.1")
        self.assertEqual(get(self.url(), X_Forwarded_For="203.0.113.9"), "https 203.0.113.9")
        self.assertEqual(get(self.url(), X_Forwarded_For="1.1.1.1, 203.0.113.9"), "https 203.0.113.9")
        self.assertEqual(get(self.url(), X_Forwarded_Proto="http"), "https 127.0.0.1")

    def test_its_connections_to_us_are_kept(self):
        get(self.url())
        before = sockets_of(self.server.process)
        seen = set()
        for _ in range(20):
            get(self.url())
            seen |= sockets_of(self.server.process)
        self.assertEqual(seen - before, set())

    def test_a_chunked_upload_goes_through(self):
        pieces = [bytes([65 + number % 26]) * 10_000 for number in range(50)]
        request = urllib.request.Request(self.url("/echo"), data=iter(pieces), method="POST",
                                         headers={"Transfer-Encoding": "chunked", "Content-Type": "text/plain"})
        with OPENER.open(request, timeout=WAIT_SECONDS_MAX) as response:
            self.assertEqual(response.read(), b"".join(pieces))

    def test_a_large_answer_goes_through(self):
        self.assertEqual(len(get(self.url("/long"))), 8 * 1024 * 1024)

    def test_a_websocket_goes_through(self):
        async def talk():
            async with websockets.connect(self.url("/ws", "ws")) as connection:
                for size in (1, 1000, 100_000):
                    await connection.send("x" * size)
                    self.assertEqual(await connection.recv(), "x" * size)

        asyncio.run(talk())


if __name__ == "__main__":
    python_suite.main()
