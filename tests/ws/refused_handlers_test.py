#!/usr/bin/env python3
"""Handlers that must not compile, and the sentence that says why: `refused_handlers_test.py INCLUDE COMPILER…`."""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402

INCLUDE, COMPILER = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]

PROGRAM = """
#include <stepwise/ws/route.hpp>
using stepwise::Coro;
namespace http = stepwise::http;
namespace ws = stepwise::ws;
%s
void add_route(http::Router& router) { router.get("/", ws::handler<Handler>()); }
"""


def compile_handler(handler):
    """Whether it compiles without a warning, and what the compiler says."""
    command = [*COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
               "-I", INCLUDE, "-x", "c++", "-"]
    done = subprocess.run(command, input=PROGRAM % handler, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode == 0, done.stderr


class RefusedHandlers(unittest.TestCase):
    def assert_refused(self, sentence, handler):
        compiles, said = compile_handler(handler)
        self.assertFalse(compiles, "it compiles")
        self.assertIn(sentence, said)

    def test_handlers_of_every_kind_compile_without_a_warning(self):
        for hooks in (
            "void on_message(ws::MessageView) {}",
            "void on_message(std::string_view) {}",
            "void on_message(ws::Message) {}",
            "void on_message(const ws::Message&) {}",
            "Coro<void> on_message(ws::Message) { co_return; }",
            "Coro<void> on_message(const ws::Message&) { co_return; }",
            "void on_message(ws::MessageView) {} Coro<void> open() { co_return; } Coro<void> on_close() { co_return; }",
            "Coro<void> on_message(ws::Message) { co_return; } void open() {} void on_close() {}"
            " bool check_origin(std::string_view) { return true; }",
        ):
            with self.subTest(hooks):
                compiles, said = compile_handler("struct Handler : ws::WebSocketHandler { %s };" % hooks)
                self.assertTrue(compiles, said)

    def test_a_handler_without_on_message_is_told_that_it_must_have_one(self):
        self.assert_refused("a WebSocketHandler must have on_message, taking ws::MessageView, std::string_view or "
                            "ws::Message", "struct Handler : ws::WebSocketHandler { void open() {} };")

    def test_an_on_message_that_takes_something_else_is_told_what_it_may_take(self):
        self.assert_refused("a WebSocketHandler must have on_message",
                            "struct Handler : ws::WebSocketHandler { void on_message(int) {} };")

    def test_an_on_message_that_may_suspend_is_told_to_own_its_message(self):
        for parameter in ("ws::MessageView", "std::string_view"):
            with self.subTest(parameter):
                self.assert_refused(
                    "an on_message that may suspend takes ws::Message by value",
                    "struct Handler : ws::WebSocketHandler { Coro<void> on_message(%s) { co_return; } };" % parameter)

    def test_hooks_return_nothing_or_a_coroutine(self):
        self.assert_refused("on_message returns void or Coro<void>",
                            "struct Handler : ws::WebSocketHandler { int on_message(ws::MessageView) { return 1; } };")
        self.assert_refused("open returns void or Coro<void>",
                            "struct Handler : ws::WebSocketHandler { void on_message(ws::MessageView) {}"
                            " int open() { return 1; } };")
        self.assert_refused("on_close returns void or Coro<void>",
                            "struct Handler : ws::WebSocketHandler { void on_message(ws::MessageView) {}"
                            " Coro<int> on_close() { co_return 1; } };")

    def test_a_handler_derives_from_the_base(self):
        self.assert_refused("a handler derives from ws::WebSocketHandler",
                            "struct Handler { void on_message(ws::MessageView) {} };")

    def test_a_hook_that_is_not_public_is_told_of_as_missing(self):
        self.assert_refused("a WebSocketHandler must have on_message",
                            "class Handler : public ws::WebSocketHandler { void on_message(ws::MessageView) {} };")


if __name__ == "__main__":
    python_suite.main()
