#!/usr/bin/env python3
"""TLS with OpenSSL's own programs, curl and Python, in both roles: http_hello as the server, http::fetch as the client:
`https_test.py HTTP_HELLO FETCH_PROGRAM REACTOR`."""

import asyncio
import contextlib
import http.server
import os
import pathlib
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from authority import Authority  # noqa: E402
from program_contract import ServerProgramContract  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, FETCH, REACTOR = (sys.argv + ["", "", ""])[1:4]
WAIT_SECONDS_MAX = 60
HELLO = b"Hello, World!"


@contextlib.contextmanager
def open_pipe(data):
    """From which the data comes, and no end."""
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


class FlagsTest(unittest.TestCase):
    program = PROGRAM
    run_to_its_end = ServerProgramContract.run_to_its_end
    assert_refused = ServerProgramContract.assert_refused

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.certificate, cls.key = Authority(cls.folder, "authority").issue("server")

    def test_files_that_are_no_use_get_one_line_and_exit_code_2(self):
        for flags, word in ((["--tls-cert", self.certificate], "--tls-key"), (["--tls-key", self.key], "--tls-cert"),
                            (["--tls-cert", "/nowhere.pem", "--tls-key", self.key], "/nowhere.pem"),
                            (["--tls-cert", self.certificate, "--tls-key", self.certificate], "cannot use the key")):
            with self.subTest(flags=flags):
                self.assert_refused(flags, word)


class HttpsServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.authority = Authority(cls.folder, "authority")
        cls.certificate, cls.key = cls.authority.issue("server")
        cls.server = cls.enterClassContext(
            ServerProcess(PROGRAM, "--reactor", REACTOR, "--tls-cert", cls.certificate, "--tls-key", cls.key))

    def url(self, path="/", scheme="https"):
        return f"{scheme}://localhost:{self.server.port}{path}"

    def curl(self, *arguments, data=None):
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(WAIT_SECONDS_MAX)]
        return subprocess.run([*command, *arguments], input=data, capture_output=True, timeout=2 * WAIT_SECONDS_MAX)

    def s_client(self, *arguments, data=b"", stdin=None):
        command = ["openssl", "s_client", "-connect", f"localhost:{self.server.port}", "-CAfile",
                   self.authority.certificate, "-verify_return_error", "-verify_hostname", "localhost", *arguments]
        given = {"stdin": stdin} if stdin else {"input": data}
        return subprocess.run(command, **given, capture_output=True, timeout=WAIT_SECONDS_MAX)

    def test_curl_gets_and_posts_in_both_versions(self):
        for version in ("--tls-max=1.2", "--tlsv1.3"):
            run = self.curl("--cacert", self.authority.certificate, *version.split("="), self.url())
            self.assertEqual((run.returncode, run.stdout), (0, HELLO), run.stderr)
        body = bytes(range(256)) * 2000
        run = self.curl("--cacert", self.authority.certificate, "--data-binary", "@-", self.url("/echo"), data=body)
        self.assertEqual(run.stdout, body)
        run = self.curl("--cacert", self.authority.certificate, *[self.url()] * 5, "--write-out", "%{num_connects}")
        self.assertEqual(run.stdout, (HELLO + b"1") + (HELLO + b"0") * 4)

    def test_who_does_not_trust_the_authority_is_not_served(self):
        self.assertEqual(self.curl(self.url()).returncode, 60)
        other = Authority(self.folder, "stranger")
        self.assertEqual(self.curl("--cacert", other.certificate, self.url()).returncode, 60)
        run = self.curl("--cacert", self.authority.certificate, "--connect-to", "example.com:443:127.0.0.1:"
                        f"{self.server.port}", "https://example.com/")
        self.assertEqual(run.returncode, 60)

    def test_plain_http_gets_no_answer(self):
        self.assertNotEqual(self.curl(self.url(scheme="http")).returncode, 0)
        self.assertEqual(self.curl("--cacert", self.authority.certificate, self.url()).stdout, HELLO)

    def test_s_client_agrees_on_versions_and_protocol(self):
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        for version, flag in (("TLSv1.2", "-tls1_2"), ("TLSv1.3", "-tls1_3")):
            run = self.s_client(flag, "-alpn", "http/1.1", "-ign_eof", data=request)
            self.assertEqual(run.returncode, 0, run.stderr)
            for wanted in (version, "Verification: OK", "ALPN protocol: http/1.1", "Hello, World!", "closed"):
                self.assertIn(wanted, run.stdout.decode(errors="replace"))
        for flags in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES256-GCM-SHA384"],
                      ["-alpn", "gopher"]):
            self.assertNotEqual(self.s_client(*flags).returncode, 0, flags)

    def test_sessions_are_resumed(self):
        session = str(pathlib.Path(self.folder, "session"))
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.s_client("-sess_out", session, "-ign_eof", data=request)
        run = self.s_client("-sess_in", session, "-ign_eof", data=request)
        self.assertIn(b"Reused, TLSv1.3", run.stdout)

    def test_renegotiation_is_refused(self):
        with open_pipe(b"R\n") as keys:  # at the end of what is typed it would not wait for the answer
            run = self.s_client("-tls1_2", stdin=keys)
        self.assertIn(b"no renegotiation", run.stderr.lower().replace(b"_", b" "))

    def test_websockets_through_wss(self):
        context = ssl.create_default_context(cafile=self.authority.certificate)

        async def talk():
            async with websockets.connect(self.url("/ws", "wss"), ssl=context) as connection:
                await connection.send("hello")
                await connection.send(bytes(100_000))
                return await connection.recv(), len(await connection.recv())

        self.assertEqual(asyncio.run(talk()), ("hello", 100_000))

    def test_garbage_and_cut_handshakes_harm_nobody(self):
        for bytes_sent in (b"\0" * 1000, os.urandom(5000), b"\x16\x03\x01\x02\x00", b""):
            with socket.create_connection(("127.0.0.1", self.server.port)) as peer:
                peer.sendall(bytes_sent)
        self.assertEqual(self.curl("--cacert", self.authority.certificate, self.url()).stdout, HELLO)


class ReloadTest(unittest.TestCase):
    def test_sighup_reads_the_files_again_and_bad_ones_change_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            first, second = Authority(folder, "first"), Authority(folder, "second")
            certificate, key = str(pathlib.Path(folder, "live.pem")), str(pathlib.Path(folder, "live.key"))

            def install(pair):
                shutil.copyfile(pair[0], certificate)
                shutil.copyfile(pair[1], key)

            def reload(server, word, place):
                server.process.send_signal(signal.SIGHUP)
                deadline = time.monotonic() + WAIT_SECONDS_MAX
                while word not in place():
                    self.assertLess(time.monotonic(), deadline, place())
                    os.sched_yield()

            install(first.issue("one"))
            with ServerProcess(PROGRAM, "--reactor", REACTOR, "--threads", "2", "--tls-cert", certificate,
                               "--tls-key", key) as server:
                def answer(authority):
                    context = ssl.create_default_context(cafile=authority.certificate)
                    with socket.create_connection(("127.0.0.1", server.port)) as plain:
                        with context.wrap_socket(plain, server_hostname="localhost") as secure:
                            return get(secure)

                def get(secure):
                    secure.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    received = b""
                    while not received.endswith(HELLO):
                        received += secure.recv(1000)
                    return received

                context = ssl.create_default_context(cafile=first.certificate)
                with socket.create_connection(("127.0.0.1", server.port)) as plain:
                    with context.wrap_socket(plain, server_hostname="localhost") as kept:
                        get(kept)
                        install(second.issue("two"))
                        reload(server, "certificates are new", lambda: "\n".join(server.output))
                        # Each loop has been told, and perhaps not both have listened yet.
                        deadline = time.monotonic() + WAIT_SECONDS_MAX
                        in_a_row = 0
                        while in_a_row < 20:
                            self.assertLess(time.monotonic(), deadline)
                            try:
                                answer(second)
                                in_a_row += 1
                            except ssl.SSLCertVerificationError:
                                in_a_row = 0
                        with self.assertRaises(ssl.SSLCertVerificationError):
                            answer(first)
                        get(kept)
                pathlib.Path(certificate).write_text("nothing")
                reload(server, "the certificate stays as it was: cannot use the certificate", server.errors)
                answer(second)


@contextlib.contextmanager
def python_server(certificate, key, version_max=None):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            if self.path != "/cut":  # Python ends a connection without close_notify
                self.send_header("Content-Length", "60000")
            self.end_headers()
            self.wfile.write(b"from Python " * 5000)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):  # a client that does not trust us
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if version_max is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version_max
        context.set_ciphers("ALL:@SECLEVEL=0")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class HttpsClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.authority = Authority(cls.folder, "authority")
        cls.pair = cls.authority.issue("server")

    def fetch(self, url, authorities=None):
        """(first line, body); the machine trusts our authority here, as SSL_CERT_FILE says."""
        environment = {**os.environ, "STEPWISE_REACTOR": REACTOR,
                       "SSL_CERT_FILE": authorities or self.authority.certificate}
        run = subprocess.run([FETCH, "GET", url], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment,
                             timeout=WAIT_SECONDS_MAX)
        head, _, body = run.stdout.partition(b"\n\n")
        return head.decode().split("\n")[0], body

    def test_a_python_server(self):
        with python_server(*self.pair) as port:
            self.assertEqual(self.fetch(f"https://localhost:{port}/"), ("200 OK", b"from Python " * 5000))
            self.assertEqual(self.fetch(f"https://127.0.0.1:{port}/")[0], "200 OK")
            self.assertTrue(self.fetch(f"https://localhost:{port}/cut")[0].endswith("what came may lack its end"))
            stranger = Authority(self.folder, "stranger").certificate
            self.assertEqual(self.fetch(f"https://localhost:{port}/", stranger)[0],
                             f"error: GET https://localhost:{port}/: TLS with localhost (unable to get local issuer "
                             "certificate): no trusted authority vouches for the certificate")

    def test_servers_that_must_not_be_trusted(self):
        other = self.authority.issue("other", "DNS:example.com")
        with python_server(*other) as port:
            self.assertTrue(self.fetch(f"https://localhost:{port}/")[0].endswith("is not for this host"))
        expired = self.authority.issue("expired", days=-1)
        with python_server(*expired) as port:
            self.assertTrue(self.fetch(f"https://localhost:{port}/")[0].endswith("the certificate has expired"))
        with python_server(*self.pair, version_max=ssl.TLSVersion.TLSv1_1) as port:
            self.assertIn("too old", self.fetch(f"https://localhost:{port}/")[0])

    def test_s_server(self):
        for version in ("-tls1_2", "-tls1_3"):
            command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", self.pair[0], "-key", self.pair[1],
                       "-www", "-alpn", "http/1.1", version]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as server:
                try:
                    lines = queue.Queue()
                    reader = threading.Thread(target=lambda: [lines.put(line) for line in server.stdout], daemon=True)
                    reader.start()
                    line = ""
                    while not line.startswith("ACCEPT"):
                        line = lines.get(timeout=WAIT_SECONDS_MAX)
                    status, body = self.fetch(f"https://localhost:{line.strip().rpartition(':')[2]}/")
                    self.assertEqual(status, "200 ok")
                    self.assertIn(f"New, TLSv1.{version[-1]}, Cipher is".encode(), body)
                finally:
                    server.kill()
                    server.wait()
                    reader.join()


if __name__ == "__main__":
    python_suite.main()
