#!/usr/bin/env python3
"""http::fetch against Python's http.server, as it is and with the framings of HTTP/1.1 made by hand:
`fetch_test.py PROGRAM REACTOR`."""

import contextlib
import http.server
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
WAIT_SECONDS_MAX = 60
LARGE = bytes(range(256)) * 4096


class Files(http.server.SimpleHTTPRequestHandler):
    """HTTP/1.0, as the module serves a folder."""

    def log_message(self, *_):
        pass


class Framings(http.server.BaseHTTPRequestHandler):
    """HTTP/1.1, one path for each way in which a response can end."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/chunked":
            self.answer(200, b"5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nChecksum: 1\r\n\r\n", Transfer_Encoding="chunked")
        elif self.path == "/until_close":
            self.answer(200, b"all of it", Connection="close")
            self.close_connection = True
        elif self.path == "/early":
            self.send_response_only(103)
            self.end_headers()
            self.answer(200, b"late", Content_Length="4")
        elif self.path == "/short":
            self.answer(200, b"less", Content_Length="5")
            self.close_connection = True
        elif self.path == "/unmodified":
            self.answer(304, Content_Length="4", ETag='"1"')
        elif self.path == "/teapot":
            self.answer(418, b"tea", Content_Length="3")
        else:
            self.answer(404, b"no", Content_Length="2")

    def do_HEAD(self):
        self.answer(200, Content_Length=str(len(LARGE)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen = "|".join([self.requestline, self.headers["Host"], self.headers["X-Test"] or ""]).encode() + b"\n"
        self.answer(200, seen + body, Content_Length=str(len(seen) + len(body)))


@contextlib.contextmanager
def serving(handler, family=socket.AF_INET, host="127.0.0.1"):
    class Server(http.server.ThreadingHTTPServer):
        address_family = family
        daemon_threads = True

    with Server((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def fetch(method, url, *fields, body=b""):
    """(status line, fields with their names in lower case, body); or ("error: …", {}, b"")."""
    environment = {**os.environ, "STEPWISE_REACTOR": REACTOR}
    done = subprocess.run([PROGRAM, method, url, *fields], input=body, stdout=subprocess.PIPE, env=environment,
                          timeout=WAIT_SECONDS_MAX)
    if done.returncode == 1:
        return done.stdout.decode().rstrip("\n"), {}, b""
    assert done.returncode == 0, f"exit code {done.returncode}"
    head, _, content = done.stdout.partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, content


class FetchTest(unittest.TestCase):
    def test_a_folder_that_python_serves(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "small.txt").write_text("a small file\n")
            pathlib.Path(folder, "large.bin").write_bytes(LARGE)

            def handler(*arguments):
                return Files(*arguments, directory=folder)

            with serving(handler) as port:
                url = f"http://127.0.0.1:{port}"
                status, fields, body = fetch("GET", f"{url}/small.txt")
                self.assertEqual((status, fields["content-type"], body), ("200 OK", "text/plain", b"a small file\n"))
                self.assertEqual(fetch("GET", f"{url}/large.bin")[2], LARGE)
                self.assertEqual(fetch("GET", f"{url}/nothing")[0], "404 File not found")
                status, fields, body = fetch("HEAD", f"{url}/large.bin")
                self.assertEqual((status, fields["content-length"], body), ("200 OK", str(len(LARGE)), b""))
                status, fields, body = fetch("GET", f"http://localhost:{port}/")
                self.assertEqual(status, "200 OK")
                self.assertIn(b'<a href="small.txt">', body)

    def test_every_way_in_which_a_response_ends(self):
        with serving(Framings) as port:
            url = f"http://127.0.0.1:{port}"
            for path, status, body in (
                    ("/chunked", "200 OK", b"hello, world"), ("/until_close", "200 OK", b"all of it"),
                    ("/early", "200 OK", b"late"), ("/unmodified", "304 Not Modified", b""),
                    ("/teapot", "418 I'm a Teapot", b"tea"), ("/else", "404 Not Found", b"no")):
                with self.subTest(path):
                    seen, _, content = fetch("GET", url + path)
                    self.assertEqual((seen, content), (status, body))
            status, _, body = fetch("HEAD", f"{url}/")
            self.assertEqual((status, body), ("200 OK", b""))
            self.assertEqual(fetch("GET", f"{url}/short")[0],
                             f"error: GET {url}/short: the server closed the connection within the body of a response "
                             "(RFC 9112 §8)")

    def test_method_url_field_and_body_arrive(self):
        with serving(Framings) as port:
            url = f"http://127.0.0.1:{port}/path?a=b%20c"
            status, _, body = fetch("POST", url, "X-Test: a value", body=LARGE)
            self.assertEqual(status, "200 OK")
            self.assertEqual(body, f"POST /path?a=b%20c HTTP/1.1|127.0.0.1:{port}|a value\n".encode() + LARGE)

    def test_a_server_on_ipv6_is_found_by_name_and_by_number(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")
        with serving(Framings, socket.AF_INET6, "::1") as port:
            for host in ("[::1]", "localhost"):
                with self.subTest(host):
                    self.assertEqual(fetch("GET", f"http://{host}:{port}/teapot")[2], b"tea")

    def test_a_refused_connection_is_an_error_and_no_crash(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
            self.assertRegex(fetch("GET", url)[0], f"^error: GET {url}: cannot connect to .*: Connection refused$")


if __name__ == "__main__":
    python_suite.main()
