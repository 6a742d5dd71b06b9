#!/usr/bin/env python3
"""Plants one violation after another in a small tree that is otherwise clean: each must be found at its line, by its
rule, and what only looks like one must pass. A rule without a plant here fails a test of its own."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
import tidy  # noqa: E402
from tree import Tree  # noqa: E402

CLEAN = {
    "runtime/README.md": "`task` a task, `reactor/`\n",
    "runtime/meson.build": "files('task.cpp')\n",
    "runtime/task.hpp": "// A task.\n#pragma once\n#include <vector>\n",
    "runtime/task.cpp": "#include <stepwise/runtime/task.hpp>\n",
    "runtime/trace/README.md": "`trace` and `ring`\n",
    "runtime/trace/trace.hpp": "// The door.\n#pragma once\n",
    "runtime/trace/ring.hpp": "// Behind the door.\n#pragma once\n#include <stepwise/runtime/trace/trace.hpp>\n",
    "net/README.md": "`stream`\n",
    "net/stream.hpp": "// A stream.\n#pragma once\n#include <stepwise/runtime/task.hpp>\n",
    "net/http/README.md": "`parser`\n",
    "net/http/meson.build": "http_protocol_library = static_library('p',\n  files('parser.cpp'))\n",
    "net/http/parser.hpp": "// A parser.\n#pragma once\n#include <string>\n",
    "net/http/parser.cpp": "#include <stepwise/net/http/parser.hpp>\n",
    "ws/README.md": "`frame`\n",
    "ws/meson.build": "ws_protocol_library = static_library('p',\n  files('frame.cpp'))\n",
    "ws/frame.hpp": "// A frame.\n#pragma once\n",
    "ws/frame.cpp": "#include <stepwise/ws/frame.hpp>\n",
    "demos/README.md": "The demos.\n",
    "demos/meson.build": "executable('sync', '01_sync.cpp')\n",
    "demos/01_sync.cpp": "#include <stepwise/ws/frame.hpp>\nint main() {}\n",
    "tests/README.md": "`runtime/`: the runtime\n",
    "tests/runtime/meson.build": "foreach name : ['task']\nendforeach\n",
    "tests/runtime/task_test.cpp": "#include <stepwise/runtime/task.hpp>\n",
}
HEADER = "// A header.\n#pragma once\n"
LONG_BODY = "    ++count;\n" * 80

# (what is planted, the file it replaces, its text, the line of the finding, a word of the message)
PLANTS = {
    "project_includes_have_the_project_path": [
        ("quotes", "runtime/task.cpp", '#include "task.hpp"\n', 1, "<stepwise/runtime/task.hpp>"),
        ("no stepwise/", "net/stream.hpp", HEADER + "#include <runtime/task.hpp>\n", 3, "<stepwise/runtime/task.hpp>"),
        ("no such file", "net/stream.hpp", HEADER + "#include <stepwise/net/steam.hpp>\n", 3, "does not exist"),
        ("unknown in quotes", "net/stream.hpp", HEADER + '#include "fmt/core.h"\n', 3, "foreign"),
    ],
    "includes_point_one_way": [
        ("runtime knows net", "runtime/task.cpp", "\n#include <stepwise/net/stream.hpp>\n", 2, "may not know net/"),
        ("net knows ws", "net/stream.hpp", HEADER + "#include <stepwise/ws/frame.hpp>\n", 3, "may not know ws/"),
        ("ws knows demos", "ws/frame.cpp", "#include <stepwise/demos/01_sync.cpp>\n", 1, "may not know demos/"),
        ("past the trace's door", "runtime/task.cpp", "#include <stepwise/runtime/trace/ring.hpp>\n", 1, "trace.hpp"),
    ],
    "protocol_files_do_no_io": [
        ("a socket in the parser", "net/http/parser.cpp", "#include <sys/socket.h>\n", 1, "no I/O"),
        ("a thread in a frame", "ws/frame.hpp", HEADER + "#include <thread>\n", 3, "no I/O"),
        ("the runtime, indirectly", "ws/frame.hpp", HEADER + "#include <stepwise/net/stream.hpp>\n", 3, "no runtime",
         "net/stream.hpp"),
        ("a library that lists nothing", "ws/meson.build", "# frame\n", 1, "nothing to look at"),
    ],
    "top_folders_are_those_of_the_design": [
        ("a folder more", "utilities/notes.md", "Notes.\n", 1, "no such top-level folder", "utilities"),
    ],
    "every_source_folder_has_a_map": [
        ("no README", "runtime/sim/clock.py", "pass\n", 1, "write a README.md", "runtime/sim"),
        ("a header not on the map", "ws/README.md", "Frames are here.\n", 1, "does not name frame.hpp"),
        ("tests not on the map", "tests/README.md", "Tests.\n", 1, "name `runtime/`", "tests/runtime"),
    ],
    "every_source_is_built": [
        ("a forgotten test", "tests/runtime/timer_test.cpp", "int x;\n", 1, "neither built nor run"),
        ("a forgotten demo", "demos/02_sleep.cpp", "int main() {}\n", 1, "neither built nor run"),
    ],
    "headers_open_with_their_purpose": [
        ("no comment", "ws/frame.hpp", "#pragma once\n", 1, "open with a comment"),
        ("an essay", "ws/frame.hpp", "// word\n" * 13 + "#pragma once\n", 13, "13 lines"),
        ("no guard", "ws/frame.hpp", "// A frame.\nint x;\n", 2, "#pragma once"),
    ],
    "lines_are_at_most_120_columns": [
        ("C++", "ws/frame.cpp", "\n// " + "x" * 118 + "\n", 2, "121 columns"),
        ("a script", "tests/runtime/tool", "#!/bin/sh\n# " + "x" * 119 + "\n", 2, "121 columns"),
    ],
    "files_are_at_most_400_lines": [
        ("401 lines", "ws/frame.cpp", "int x;\n" * 401, 401, "401 lines"),
    ],
    "functions_are_at_most_70_lines": [
        ("a function", "ws/frame.cpp", "namespace a {\nint f(int count) {\n" + LONG_BODY + "}\n}\n", 2, "f has 82"),
        ("a constructor", "ws/frame.cpp", "A::A(int x) : a_{x}, b_{x} {\n" + LONG_BODY + "}\n", 1, "A has 82"),
        ("a member", "ws/frame.cpp", "template <class T>\nstruct A {\n    int x = {};\n    auto f() -> int {\n" +
         LONG_BODY + "    }\n};\n", 4, "f has 82"),
        ("Python", "tests/runtime/tool.py", "def f():\n" + "    pass\n" * 71, 1, "f has 72 lines"),
        ("JavaScript", "tests/runtime/page.js", "const f = async (x) => {\n" + "  x++;\n" * 71 + "};\n", 1, "73 lines"),
        ("shell", "tests/runtime/tool", "#!/bin/sh\nf() {\n" + "    true\n" * 71 + "}\n", 2, "73 lines"),
    ],
    "nothing_is_promised": [
        ("a mark in code", "ws/frame.cpp", "\n// TO" "DO: the rest\n", 2, "do it now"),
        ("a mark in prose", "ws/README.md", "`frame` FIX" "ME\n", 1, "do it now"),
    ],
    "white_space_is_plain": [
        ("a tab", "ws/frame.cpp", "\tint x;\n", 1, "a tab"),
        ("trailing", "ws/README.md", "`frame`\n \n", 2, "remove it"),
        ("CR LF", "ws/frame.cpp", "int x;\r\n", 1, "remove it"),
        ("no last newline", "ws/frame.cpp", "int x;", 1, "newline"),
    ],
    "nothing_depends_on_this_machine": [
        ("a home", "ws/README.md", "`frame` in /ho" "me/me/\n", 1, "outside the repository"),
        ("a neighbour", "ws/meson.build", "ws_protocol_library = 'frame.cpp' + '../sha" "red'\n", 1, "outside"),
    ],
    "no_registry_is_named": [
        ("a host", "ws/README.md", "`frame`\nregistry.npm" "js.org\n", 2, "registry"),
        ("a lock file", "tests/package-lock.json", '{\n"resolved": "x"}\n', 2, "resolved URL"),
    ],
    "tests_do_not_sleep": [
        ("a thread", "tests/runtime/task_test.cpp", "\nstd::this_" "thread::sleep_for(1s);\n", 2, "a sleep"),
        ("Python", "tests/runtime/tool.py", "time.sle" "ep(1)\n", 1, "a sleep"),
    ],
    "no_temporary_stands_beside_co_await": [
        ("a lambda", "ws/frame.cpp", "T f() {\n    co_await g([] { return 1; });\n}\n", 2, "a lambda"),
        ("a lambda after it", "ws/frame.cpp", "T f() {\n    use(co_await g(), [](int x) { h(x); });\n}\n", 2,
         "a lambda"),
        ("an aggregate", "ws/frame.cpp", "T f() {\n    auto x = co_await g(Options{.a = 1});\n}\n", 2,
         "a braced list"),
        ("a choice", "ws/frame.cpp", "T f() {\n    if (x) {\n    }\n    co_await (a ? b() : c());\n}\n", 4,
         "a ?: choice"),
        ("inside braces", "ws/frame.cpp", "T f() {\n    std::string s{co_await g()};\n}\n", 2, "a braced list"),
        ("inside a returned list", "ws/frame.cpp", "T f() {\n    co_return {1,\n              co_await g()};\n}\n", 3,
         "a braced list"),
        ("in a condition", "ws/frame.cpp", "T f() {\n    while (auto m = co_await g({1})) {\n    }\n}\n", 2,
         "a braced list"),
        ("in a coroutine lambda", "ws/frame.cpp", "auto f = [](int x) -> T {\n    co_await g([x] { h(x); });\n};\n", 2,
         "a lambda"),
    ],
    "no_loop_is_only_a_co_await": [
        ("an empty block", "ws/frame.cpp", "T f() {\n    while (co_await g()) {\n    }\n}\n", 2, "illegal instruction"),
        ("no block", "ws/frame.cpp", "T f() {\n    for (; auto m = co_await g();)\n        ;\n}\n", 2,
         "illegal instruction"),
    ],
    "no_coroutine_lambda_captures": [
        ("by reference", "ws/frame.cpp", "auto f() {\n    return [&]() -> T { co_return; };\n}\n", 2, "captures [&]"),
        ("this", "ws/frame.cpp", "auto f() {\n    auto g = [this](int x) mutable -> T {\n"
         "        if (x) co_await h(x);\n    };\n}\n", 2, "captures [this]"),
    ],
    "protocol_tests_cut_their_bytes": [
        ("a parser", "tests/net/http/new_test.cpp",
         'TEST_CASE("x") {\n    int y;\n    parser.receive_data("GET");\n}\n', 3, "one way only"),
        ("pieces", "tests/ws/protocol/new_test.cpp",
         'TEST_CASE("x") {\n    CHECK(events_of_pieces({"a"}) == "b");\n}\n', 2, "one way only"),
    ],
    "every_exception_has_a_reason_and_a_use": [
        ("not needed", "tests/tidy/allowed.txt", "files_are_at_most_400_lines ws/frame.cpp it was long\n", 1, "remove"),
    ],
}

# What looks like a violation and is none.
HARMLESS = {
    "a comment": "// co_await g([x] { return 1; });\n",
    "a string": 'auto s = "co_await f({1}) ? [x] { co_return; } : y";\n',
    "a named lambda before it": "T f() {\n    auto g = [] { return 1; };\n    co_await h(g);\n}\n",
    "statements around it": "T f() {\n    A a{1};\n    co_await h(a);\n    a = b ? A{1} : A{2};\n}\n",
    "a block around it": "T f() {\n    if (x ? y : z) {\n        co_await h();\n    } else {\n        co_await i();\n"
                         "    }\n}\n",
    "a loop that does something": "T f() {\n    while (co_await h()) ++n;\n    while (x) {\n    }\n}\n",
    "a binding": "T f() {\n    auto& [a, b] = co_await h();\n    auto c = d[co_await i()];\n}\n",
    "a duration": "T f() {\n    co_await sleep(milliseconds{5});\n}\n",
    "a coroutine lambda without captures": "void f() {\n    run([](int x) -> Coro<void> { co_await h(x); });\n}\n",
    "a capture around a plain coroutine lambda": "void f() {\n    go([&] { run([]() -> T { co_await h(); }); });\n}\n",
    "an operator": "struct A {\n    B operator co_await() && { return B{1}; }\n};\n",
    "a class with many short functions": "struct A {\n" + "    int f() { return 1; }\n" * 90 + "};\n",
    "a suite of short tests": 'TEST_SUITE("x") {\n' + 'TEST_CASE("y") {\n    CHECK(1);\n}\n' * 30 + "}\n",
    "a digit separator": "int x = 1'000'000;\nT f() {\n    co_await h();\n}\n",
}


class TidyTest(unittest.TestCase):
    def findings(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                target = pathlib.Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(text.encode())
            return {(rule, *finding) for rule, found in tidy.check(Tree(folder)).items() for finding in found}

    def test_a_clean_tree_has_no_finding(self):
        self.assertEqual(self.findings(CLEAN), set())

    def test_what_only_looks_like_a_violation_passes(self):
        for title, text in HARMLESS.items():
            with self.subTest(title=title):
                self.assertEqual(self.findings({**CLEAN, "ws/frame.cpp": text}), set())

    def test_what_fuzzers_keep_is_bytes_also_where_it_spells_text(self):
        self.assertEqual(self.findings({**CLEAN, "tests/fuzz/corpus/url/1": "\tx \r\n"}), set())

    def test_every_rule_has_a_plant(self):
        self.assertEqual(set(PLANTS), set(tidy.check(Tree(tempfile.gettempdir() + "/no such folder"))))

    def test_an_exception_with_a_reason_silences_its_finding_only(self):
        files = {**CLEAN, "ws/frame.cpp": "int x;\n" * 401,
                 "tests/tidy/allowed.txt": "files_are_at_most_400_lines ws/frame.cpp it is a table\n"}
        self.assertEqual(self.findings(files), set())
        files["ws/frame.hpp"] = "// A frame.\n#pragma once\n" + "int x;\n" * 400
        self.assertEqual([finding[1] for finding in self.findings(files)], ["ws/frame.hpp"])

    def test_an_exception_without_a_reason_is_found(self):
        files = {**CLEAN, "ws/frame.cpp": "int x;\n" * 401,
                 "tests/tidy/allowed.txt": "files_are_at_most_400_lines ws/frame.cpp\n"}
        self.assertEqual([finding[3] for finding in self.findings(files)], ["say why, after the path"])


def plant_test(rule, title, path, text, line, word, found_in=None):
    def test(self):
        findings = self.findings({**CLEAN, path: text})
        mine = [finding for finding in findings if finding[0] == rule]
        self.assertTrue(any(finding[1:3] == (found_in or path, line) and word in finding[3] for finding in mine),
                        f"{title} not found at {found_in or path}:{line}: {findings}")
    return test


for rule_title, plants in PLANTS.items():
    for plant in plants:
        name = f"test_{rule_title}: {plant[0]}".replace(".", "")
        setattr(TidyTest, name, plant_test(rule_title, *plant))

if __name__ == "__main__":
    python_suite.main()
