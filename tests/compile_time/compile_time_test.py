#!/usr/bin/env python3
"""What Stepwise costs a compiler, as a ratio to a file that includes <string> and <vector>:
`compile_time_test.py INCLUDE_FOLDER COMPILER HEADER...`.

CPU seconds of -fsyntax-only, taken in turns; the least of several counts, and more are taken while it is above the
budget, so that a busy machine cannot fail it. What would be too small to see so is looked for by name."""

import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

INCLUDE, COMPILER, PUBLIC_HEADERS = sys.argv[1], sys.argv[2], sys.argv[3:]
BASE = "#include <string>\n#include <vector>\nint main() {}\n"
README_BUDGET = 5.0
HEADER_BUDGET = 5.0
ROUNDS, ROUNDS_MAX = 3, 20
# Each costs a third of <string> and <vector> or more, and belongs into a source.
HEAVY = {"condition_variable", "filesystem", "fstream", "future", "iostream", "mutex", "ranges", "regex", "thread",
         "format.h"}
# Included by the simulator's own sources only, which start threads and hand them their turn.
OF_THE_SIMULATOR = {"runtime/reactor/simulation.hpp", "runtime/sim/streams.hpp", "runtime/sim/turns.hpp",
                    "runtime/sim/world.hpp"}
OF_THREADS = {"condition_variable", "mutex", "thread"}


class CompileTimeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def compile(self, text, *flags):
        source = self.folder / "source.cpp"
        source.write_text(text)
        command = [COMPILER, "-std=c++20", f"-I{INCLUDE}", *flags, str(source)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def seconds(self, text):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.compile(text, "-fsyntax-only")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def assert_within(self, budget, name, text):
        base, ours = [], []
        while len(ours) < ROUNDS or (min(ours) > budget * min(base) and len(ours) < ROUNDS_MAX):
            base.append(self.seconds(BASE))
            ours.append(self.seconds(text))
        ratio = min(ours) / min(base)
        print(f"{name}: {min(ours):.2f} s, {ratio:.2f} times <string> and <vector>, budget {budget}")
        self.assertLessEqual(ratio, budget, f"{name} has become heavy: `g++ -H` shows what it includes")

    def test_the_first_example_of_the_readme_keeps_its_budget(self):
        example = re.search(r"^```cpp\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE).group(1)
        self.assert_within(README_BUDGET, "the first example", example)

    def public_headers(self):
        """{path: a program that includes it}"""
        return {header: f"#include <stepwise/{header}>\nint main() {{}}\n" for header in PUBLIC_HEADERS}

    def test_no_public_header_includes_what_is_heaviest(self):
        for header, text in self.public_headers().items():
            with self.subTest(header=header):
                names = {pathlib.Path(path).name for path in self.compile(text, "-M").decode().split()}
                heavy = HEAVY - OF_THREADS if header in OF_THE_SIMULATOR else HEAVY
                self.assertEqual(names & heavy, set())

    def test_the_heaviest_public_header_keeps_its_budget(self):
        texts = self.public_headers()
        # The heaviest: of which the preprocessor makes most.
        sizes = {header: len(self.compile(text, "-E", "-P")) for header, text in texts.items()}
        heaviest = max(sizes, key=sizes.get)
        self.assert_within(HEADER_BUDGET, heaviest, texts[heaviest])


if __name__ == "__main__":
    python_suite.main()
