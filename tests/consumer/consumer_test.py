#!/usr/bin/env python3
"""What a program outside this tree sees: `consumer_test.py BUILD_FOLDER` installs the library into a temporary folder,
asks pkg-config for the flags, builds the examples of README.md word for word, a server and a client, and lets them
talk."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "interop"))
import python_suite  # noqa: E402
from reserved_port import reserved_port  # noqa: E402
from server_process import ServerProcess  # noqa: E402

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
SERVER_LINES_MAX = 40
CLIENT_LINES_MAX = 20


def run(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class ConsumerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", cls.folder / "installed"])
        cls.package, = (cls.folder / "installed").rglob("stepwise.pc")
        # It was staged, not installed: the prefix that it names is not where it lies.
        prefix = re.search(r"^prefix=(.*)$", cls.package.read_text(), re.MULTILINE).group(1)
        moved = f"prefix={cls.folder}/installed{prefix}"
        cls.package.write_text(cls.package.read_text().replace(f"prefix={prefix}", moved))

    def flags(self, *wanted):
        return run(["pkg-config", "--static", *wanted, self.package]).split()

    def headers(self):
        include, = (self.folder / "installed").rglob("include/stepwise")
        return sorted(path.relative_to(include.parent).as_posix() for path in include.rglob("*.hpp"))

    def test_the_headers_keep_their_path_and_show_nothing_of_a_reactors_inside(self):
        headers = self.headers()
        self.assertIn("stepwise/runtime/event_loop.hpp", headers)
        self.assertIn("stepwise/net/http/serve.hpp", headers)
        self.assertEqual([path for path in headers if "uring_" in path or "epoll_" in path], [])

    def test_every_installed_header_can_be_included(self):
        source = self.folder / "all.cpp"
        source.write_text("".join(f"#include <{path}>\n" for path in self.headers()) + "int main() {}\n")
        run(["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *self.flags("--cflags"), source])

    def build_example(self, section, lines_max):
        text = (ROOT / "README.md").read_text()
        text = text[text.index(f"\n## {section}\n"):]
        example = re.search(r"^```cpp\n(.*?)^```$", text, re.DOTALL | re.MULTILINE).group(1)
        self.assertLessEqual(example.count("\n"), lines_max)
        program = self.folder / section.replace(" ", "_")
        source = program.with_suffix(".cpp")
        source.write_text(example)
        flags = self.flags("--cflags", "--libs")
        run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags])
        return str(program)

    def test_the_examples_of_the_readme_are_a_server_and_its_client(self):
        client = self.build_example("A first client", CLIENT_LINES_MAX)
        with ServerProcess(self.build_example("A first server", SERVER_LINES_MAX)) as server:
            for path, answer in (("/", "Hello, World!\n"), ("/later?name=Ada", "Hello, Ada, a second later.\n")):
                with urllib.request.urlopen(server.url(path), timeout=20) as response:
                    self.assertEqual(response.read().decode(), answer)
                self.assertEqual(run([client, server.url(path)]), f"200 OK\n{answer}")
        with reserved_port() as port:
            refused = f"http://127.0.0.1:{port}/"
            done = subprocess.run([client, refused], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, f"^GET {refused}: cannot connect to .*: Connection refused\n$")


if __name__ == "__main__":
    python_suite.main()
