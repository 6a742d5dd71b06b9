"""Rules about the text itself: lines, sizes, promises, hosts, sleeps, and the compiler's bug around co_await.
A rule yields (path, line, message), or (path, line, message, name) where the allow-list speaks of a function."""

import ast
import re

from cpp_text import CppText
from tree import CODE, CPP, line_of

LINE_LENGTH_MAX = 120
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Spelled in halves, so that this file keeps its own rules.
PROMISES = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
REGISTRY_HOSTS = re.compile(
    r"(registry\.(npmjs|yarnpkg)|npmjs\.(org|com)/|pypi\.org|pythonhosted\.org|crates\.io|proxy\.golang\.org|"
    r"deb\.debian\.org)")
OUTSIDE_PATHS = re.compile(r"(?<![\w.:])/(home|work|root|Users|farm)/|\.\./shared\b")
SLEEPS = re.compile(
    r"\bthis_thread::sleep_|\b(u" r"sleep|nano" r"sleep)\(|(?<![\w.:>])::sleep\(|\btime\.sleep\(|"
    r"\basyncio\.sleep\((?!0\))|waitFor" r"Timeout")
# Destroying these twice does no harm, and `sleep(milliseconds{5})` reads well.
TRIVIAL_TYPES = re.compile(
    r"(\b(nanoseconds|microseconds|milliseconds|seconds|minutes|hours|time_point|string_view|size_t|u?int\d+_t))\s*$")


FED_BY_HAND = re.compile(r"\.receive_data\(|\bevents_of_pieces\(")
CUT_BY_HAND = re.compile(r"\b(cut|cuts|pieces|random_pieces|ways_to_cut)\b")


def all_texts(tree):
    return (path for path in tree.paths if "/vendor/" not in path and not path.endswith("package-lock.json"))


def lines_are_at_most_120_columns(tree):
    for path in list(tree.code()) + [path for path in tree.paths if path.endswith("meson.build")]:
        for number, line in tree.lines(path):
            if len(line) > LINE_LENGTH_MAX:
                yield path, number, f"{len(line)} columns: break the line at {LINE_LENGTH_MAX}"


def files_are_at_most_400_lines(tree):
    for path in tree.code():
        count = tree.text(path).count("\n")
        if count > FILE_LINES_MAX:
            yield path, FILE_LINES_MAX + 1, f"{count} lines: one concept per file, so split it below {FILE_LINES_MAX}"


def indented_functions(text):
    """(name, first line, last line) in JavaScript and shell scripts, by the indentation of the closing brace."""
    lines = text.split("\n")
    opening = re.compile(
        r"^(\s*)(?!(?:if|for|while|switch|catch|else|case|until|\(|\}))"
        r"(?:[^'\"/]*\bfunction\b.*|.*=>|(?:async |static |get |set )*[\w#$-]+\s*\(.*\))\s*\{$")
    for first, line in enumerate(lines):
        match = opening.match(line)
        if match:
            closing = re.compile(rf"^{match.group(1)}\}}")
            last = next((index for index in range(first + 1, len(lines)) if closing.match(lines[index])), first)
            yield line.strip()[:40], first + 1, last + 1


def functions_of(tree, path):
    text = tree.text(path)
    if path.endswith(CPP):
        for function in CppText(text).functions():
            yield function.name, function.first_line, function.last_line
    elif path.endswith(".py") or text.startswith("#!/usr/bin/env python3"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.lineno, node.end_lineno
    elif not path.endswith((".css", ".html")):
        yield from indented_functions(text)


def functions_are_at_most_70_lines(tree):
    for path in tree.code():
        for name, first, last in functions_of(tree, path):
            if last - first + 1 > FUNCTION_LINES_MAX:
                message = f"{name} has {last - first + 1} lines: give its parts names, {FUNCTION_LINES_MAX} at most"
                yield path, first, message, name


def nothing_is_promised(tree):
    for path in all_texts(tree):
        for number, line in tree.lines(path):
            found = PROMISES.search(line)
            if found:
                yield path, number, f"{found.group()}: do it now, or leave the thought out"


def white_space_is_plain(tree):
    for path in all_texts(tree):
        text = tree.text(path)
        for number, line in tree.lines(path):
            if "\t" in line:
                yield path, number, "a tab: indent with spaces"
            if line != line.rstrip():
                yield path, number, "white space at the end of the line: remove it"
        if text and not text.endswith("\n"):
            yield path, text.count("\n") + 1, "end the file with a newline"


def nothing_depends_on_this_machine(tree):
    for path in all_texts(tree):
        for number, line in tree.lines(path):
            if OUTSIDE_PATHS.search(line):
                yield path, number, "a path outside the repository: make it relative to the file or the build folder"


def no_registry_is_named(tree):
    for path in tree.paths:
        for number, line in tree.lines(path):
            if REGISTRY_HOSTS.search(line):
                yield path, number, "a package registry's host: leave it to the client's own settings"
            if path.endswith("package-lock.json") and '"resolved"' in line:
                yield path, number, "a resolved URL: run npm with omit-lockfile-registry-resolved=true (.npmrc)"


def tests_do_not_sleep(tree):
    for path in tree.code(tuple(suffix for suffix in CODE if suffix not in (".css", ".html"))):
        if not path.startswith("tests/"):
            continue
        for number, line in tree.lines(path):
            if SLEEPS.search(line):
                yield path, number, "a sleep: set the clock by hand, or wait for a condition with a deadline"


def _outside_lambdas(code, start, end):
    """Positions in [start, end) that are in no lambda's body, with the lambdas' opening brackets."""
    position = start
    while position < end:
        yield position
        if code.masked[position] == "[" and code.is_lambda(position):
            body = code.lambda_body(position)
            position = body[1] if body else position
        position += 1


def _temporary_beside(code, start, end):
    """The first idiom in this full expression that g++ 12 may destroy twice, in words, or None."""
    for position in _outside_lambdas(code, start, end):
        character = code.masked[position]
        if character == "[" and code.is_lambda(position):
            return "a lambda"
        if character == "?":
            return "a ?: choice"
        if character == "{" and code.brace_kind(position) == "initializer":
            if not TRIVIAL_TYPES.search(code.masked[max(0, position - 40):position]):
                return "a braced list"
    return None


def no_temporary_stands_beside_co_await(tree):
    for path in tree.cpp():
        if "co_await" not in tree.text(path):
            continue
        code = CppText(tree.text(path))
        for match in re.finditer(r"(?<!operator )\bco_await\b", code.masked):
            start, end, in_braces = code.full_expression(match.start())
            found = "a braced list" if in_braces else _temporary_beside(code, start, end)
            if found:
                yield path, code.line(match.start()), (f"{found} in the same expression as co_await: g++ 12 may "
                                                       "destroy it twice; name it in the line before")


def no_loop_is_only_a_co_await(tree):
    for path in tree.cpp():
        text = tree.text(path)
        if "co_await" not in text:
            continue
        code = CppText(text)
        for match in re.finditer(r"\b(while|for)\s*\(", code.masked):
            end = code.partner[match.end() - 1]
            if "co_await" in code.masked[match.end():end] and re.match(r"\)\s*(;|\{\s*\})", code.masked[end:]):
                yield path, code.line(match.start()), ("a loop with co_await in its head and nothing in its body: "
                                                       "g++ 12 makes an illegal instruction of it; use the result")


def no_coroutine_lambda_captures(tree):
    for path in tree.cpp():
        text = tree.text(path)
        if "co_" not in text:
            continue
        code = CppText(text)
        for bracket, (opening, closing) in code.lambdas():
            captures = code.masked[bracket + 1:code.partner[bracket]].strip()
            inner = [body for other, body in code.lambdas() if opening < other < closing]
            mine = [match.start() for match in re.finditer(r"\bco_(await|yield|return)\b", code.masked[:closing])
                    if match.start() > opening and not any(low < match.start() < high for low, high in inner)]
            if captures and mine:
                yield path, line_of(text, bracket), (f"a coroutine lambda captures [{captures}], which die with the "
                                                     "lambda: pass them as parameters, which the frame keeps")


def protocol_tests_cut_their_bytes(tree):
    for path in tree.cpp():
        if not path.startswith(("tests/net/http/", "tests/ws/protocol/")) or not path.endswith("_test.cpp"):
            continue
        code = CppText(tree.text(path))
        for function in code.functions():
            lines = tree.text(path).split("\n")[function.first_line - 1:function.last_line]
            fed = [index for index, line in enumerate(lines) if FED_BY_HAND.search(line)]
            if fed and not any(CUT_BY_HAND.search(line) for line in lines):
                yield path, function.first_line + fed[0], ("these bytes come in one way only: use events_of or another "
                                                           "helper of support.hpp, or feed them for each cut")


RULES = (
    lines_are_at_most_120_columns,
    files_are_at_most_400_lines,
    functions_are_at_most_70_lines,
    nothing_is_promised,
    white_space_is_plain,
    nothing_depends_on_this_machine,
    no_registry_is_named,
    tests_do_not_sleep,
    no_temporary_stands_beside_co_await,
    no_loop_is_only_a_co_await,
    no_coroutine_lambda_captures,
    protocol_tests_cut_their_bytes,
)
