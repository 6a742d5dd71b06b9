#!/usr/bin/env python3
"""The shelf of files as bytes, the bad ones first: `files_test.py PROGRAM REACTOR`. tests/browser opens its page."""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import socket
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from program_contract import ServerProgramContract  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "demos" / "23_files"
BOUNDARY = "a-boundary-of-the-test"
DEADLINE_SECONDS = 30


def form_of(*files):
    """A multipart/form-data body: (name, bytes) of each file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="'
    parts = [f'{head}{name}"\r\n\r\n'.encode() + content + b"\r\n" for name, content in files]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Visitor:
    """One that keeps its cookie, as a browser does."""

    def __init__(self, server):
        self.address, self.cookie = server.address, ""

    def ask(self, method, path, body=None, **fields):
        connection = http.client.HTTPConnection(*self.address, timeout=DEADLINE_SECONDS)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if self.cookie:
            headers["Cookie"] = self.cookie
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.content = response.read()
        connection.close()
        if response.headers["Set-Cookie"]:
            self.cookie = response.headers["Set-Cookie"].partition(";")[0]
        return response

    def home(self, **fields):
        return self.ask("GET", "/", **fields).content.decode()

    def upload_path(self):
        return re.search(r'action="(/upload\?_xsrf=[\w-]+)"', self.home())[1]

    def send(self, body, path=None):
        return self.ask("POST", path or self.upload_path(), body,
                        Content_Type=f"multipart/form-data; boundary={BOUNDARY}")


class FilesTest(ServerProgramContract, unittest.TestCase):
    program, reactor = PROGRAM, REACTOR
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stepwise-files-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.uploads = self.folder / "uploads"

    def shelf(self, *flags):
        return self.start("--uploads", str(self.uploads), *flags)

    def ask_until(self, visitor, condition):
        end = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), end, self.stored().keys())
            visitor.home()

    def stored(self):
        found = {}
        for path in self.uploads.iterdir():
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                found[path.name] = path.read_bytes()
        return found

    def test_the_home_page_is_a_template_in_two_languages(self):
        with self.shelf() as server:
            answer = Visitor(server).ask("GET", "/")
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
            self.assertIn("<h1>A shelf of files</h1>", answer.content.decode())
            self.assertNotIn("{{", answer.content.decode())
            self.assertIn("<h1>文件架</h1>", Visitor(server).home(Accept_Language="zh-CN,en;q=0.5"))

    def test_what_the_page_names_is_there_and_may_be_kept_for_a_year(self):
        with self.shelf() as server:
            visitor = Visitor(server)
            named = re.findall(r'(?:href|src)="(/static/[^"]+)"', visitor.home())
            self.assertGreaterEqual(len(named), 4)
            for path in named:
                answer = visitor.ask("GET", path)
                self.assertEqual(answer.status, 200, path)
                if "html" not in path:
                    self.assertEqual(answer.headers["Cache-Control"], "public, max-age=31536000, immutable")

    def test_the_version_in_an_address_changes_with_the_file(self):
        own = self.folder / "site"
        shutil.copytree(FOLDER / "public", own / "public")
        shutil.copytree(FOLDER / "pages", own / "pages")
        with self.shelf("--folder", str(own)) as server:
            versions = []
            for text in ("body { color: red }", "body { color: green; }"):
                (own / "public" / "files.css").write_text(text)
                versions.append(re.search(r"files\.css\?v=([\w-]+)", Visitor(server).home())[1])
            self.assertNotEqual(*versions)

    def test_a_missing_template_is_a_500_that_names_the_file_on_stderr(self):
        own = self.folder / "site"
        shutil.copytree(FOLDER / "public", own / "public")
        with self.shelf("--folder", str(own)) as server:
            self.assertEqual(Visitor(server).ask("GET", "/").status, 500)
            self.assertIn("pages/home.html", server.errors())

    def test_a_folder_that_is_not_there_is_one_line_and_exit_code_2(self):
        self.assert_refused(["--port", "0", "--folder", str(self.folder / "nowhere")], "nowhere")

    def test_no_address_leaves_the_folders(self):
        with self.shelf() as server:
            (self.uploads / "elsewhere.txt").symlink_to("/etc/passwd")
            for path in ("/static/../files.cpp", "/static/%2e%2e/files.cpp", "/static/..%2ffiles.cpp",
                         "/files/elsewhere.txt", "/files/../uploads/elsewhere.txt", "/files//etc/passwd", "/static/"):
                with self.subTest(path=path):
                    self.assertIn(Visitor(server).ask("GET", path).status, (400, 404))
            self.assertNotIn("elsewhere", Visitor(server).home())

    def test_a_static_page_sets_the_cookie_with_which_a_form_may_be_sent(self):
        with self.shelf() as server:
            visitor = Visitor(server)
            answer = visitor.ask("GET", "/static/how.html")
            self.assertRegex(answer.headers["Set-Cookie"], r"^_xsrf=[\w-]+; .*HttpOnly; SameSite=Lax")
            self.assertEqual(answer.headers["Cache-Control"], "private, no-cache")
            self.assertIsNone(visitor.ask("GET", "/static/how.html").headers["Set-Cookie"])
            self.assertIsNone(Visitor(server).ask("GET", "/static/files.css").headers["Set-Cookie"])
            self.assertEqual(visitor.send(form_of(("a.txt", b"a"))).status, 303)

    def test_a_form_without_the_token_or_with_another_one_is_a_403_and_nothing_is_kept(self):
        with self.shelf() as server:
            known, other = Visitor(server), Visitor(server)
            path = other.upload_path()
            body = form_of(("a.txt", b"a"))
            for visitor, where in ((known, "/upload"), (known, path), (Visitor(server), path)):
                self.assertEqual(visitor.send(body, where).status, 403)
            self.assertEqual(self.stored(), {})
            self.assertEqual(other.send(body, path).status, 303)

    def test_what_was_sent_is_kept_listed_and_given_back_in_parts_too(self):
        content = bytes(range(256)) * 4000
        with self.shelf() as server:
            visitor = Visitor(server)
            answer = visitor.send(form_of(("photo.bin", content), ("名字.txt", b"two"), ("", b"")))
            self.assertEqual((answer.status, answer.headers["Location"]), (303, "/"))
            self.assertEqual(self.stored(), {"photo.bin": content, "名字.txt": b"two"})
            links = re.findall(r'<a href="(/files/[^"]+)">([^<]+)</a>', visitor.home())
            self.assertEqual([name for _, name in links], ["photo.bin", "名字.txt"])
            self.assertEqual(visitor.ask("GET", links[0][0]).content, content)
            part = visitor.ask("GET", links[0][0], Range="bytes=255-256")
            self.assertEqual((part.status, part.content), (206, b"\xff\x00"))
            self.assertIn("sandbox", part.headers["Content-Security-Policy"])

    def test_no_name_leads_elsewhere_hides_a_file_or_takes_that_of_another(self):
        with self.shelf() as server:
            visitor = Visitor(server)
            names = ["../../outside.txt", "C:\\temp\\mine.txt", "/etc/cron", "..", ".hidden", "a.txt", "a.txt",
                     "<script>.html", "x" * 400]
            self.assertEqual(visitor.send(form_of(*((name, name.encode()) for name in names))).status, 303)
            self.assertEqual(set(self.stored()), {"outside.txt", "mine.txt", "cron", "unnamed", "_hidden", "a.txt",
                                                  "a (2).txt", "<script>.html", "x" * 200})
            self.assertEqual([path.name for path in self.folder.iterdir()], ["uploads"])
            self.assertNotIn("<script>.", visitor.home())

    def test_an_upload_beyond_a_limit_is_refused_and_leaves_nothing(self):
        with self.shelf("--upload-max", "2000", "--shelf-max", "3000") as server:
            visitor = Visitor(server)
            self.assertEqual(visitor.send(form_of(("a.txt", b"a" * 5000))).status, 413)
            self.assertEqual(visitor.send(form_of(("a.txt", b"a" * 1500))).status, 303)
            self.assertEqual(visitor.send(form_of(("b.txt", b"b" * 1600))).status, 507)
            self.assertEqual(list(self.stored()), ["a.txt"])

    def test_what_is_no_form_is_refused_in_words(self):
        with self.shelf() as server:
            visitor = Visitor(server)
            path = visitor.upload_path()
            self.assertEqual(visitor.ask("POST", path, b"a=1",
                                         Content_Type="application/x-www-form-urlencoded").status, 415)
            for body in (b"nothing of the kind", form_of(("a.txt", b"a"))[:-6]):
                answer = visitor.send(body, path)
                self.assertEqual(answer.status, 400)
                self.assertGreater(len(answer.content), 20)
            self.assertEqual(self.stored(), {})

    def test_a_client_that_is_gone_in_the_middle_leaves_nothing_behind(self):
        with self.shelf() as server:
            visitor = Visitor(server)
            path = visitor.upload_path()
            head = (f"POST {path} HTTP/1.1\r\nHost: test\r\nCookie: {visitor.cookie}\r\nContent-Length: 900000\r\n"
                    f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n")
            with socket.create_connection(server.address, DEADLINE_SECONDS) as connection:
                connection.sendall(head.encode() + form_of(("half.bin", b"h" * 300_000))[:-80])
                self.ask_until(visitor, lambda: any(name.startswith(".") for name in self.stored()))
                self.assertNotIn("half.bin", visitor.home())
            self.ask_until(visitor, lambda: self.stored() == {})

    def test_without_a_folder_the_uploads_end_with_the_server(self):
        # Its own: another suite may run such a server at the same time.
        with mock.patch.dict(os.environ, TMPDIR=str(self.folder)), \
                ServerProcess(PROGRAM, "--reactor", REACTOR) as server:
            visitor = Visitor(server)
            self.assertIn("--uploads FOLDER", visitor.home())
            self.assertEqual(visitor.send(form_of(("a.txt", b"a"))).status, 303)
            kept, = self.folder.iterdir()
            self.assertRegex(kept.name, "^stepwise-files-.{6}$")
            self.assertEqual([path.name for path in kept.iterdir()], ["a.txt"])
            server.stop()
            self.assertFalse(kept.exists())


if __name__ == "__main__":
    del sys.argv[1:]
    python_suite.main()
