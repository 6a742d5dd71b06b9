// How reports tell functions and files, and whose time they take.
#include <stepwise/runtime/diagnostics/function_name.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace stepwise;
using namespace std::chrono_literals;

namespace {

Coro<void> errand() {
    co_return;
}

}  // namespace

TEST_CASE("What a report takes is not counted as the program's time") {
    std::vector<Lint::Rule> told;
    LintHandler before = set_lint_handler([&](const Lint& lint) {
        told.push_back(lint.rule);
        // As slow as reading much debug information.
        for (auto end = std::chrono::steady_clock::now() + 150ms; std::chrono::steady_clock::now() < end;) continue;
    });
    EventLoop::Options options;
    options.debug = true;
    options.step_max = 100ms;
    EventLoop loop(options);
    loop.call_soon([] { static_cast<void>(errand()); });
    loop.run_once(false);
    set_lint_handler(before);
    CHECK(told == std::vector{Lint::Rule::never_awaited});
}

TEST_CASE("A function is told by its name alone, whoever spells it") {
    auto plain = [](std::string_view full) { return detail::plain_function_name(full); };
    CHECK(plain("stepwise::Coro<void> {anonymous}::serve(std::vector<int>&, int)") == "serve()");
    CHECK(plain("void {anonymous}::serve({anonymous}::serve(int)::_ZN12_GLOBAL__N_15serveEi.Frame*)") == "serve()");
    CHECK(plain("(anonymous namespace)::serve((anonymous namespace)::serve(int)::_ZN5serveEi.Frame*) [clone .actor]") ==
          "serve()");
    CHECK(plain("Coro<void> (anonymous namespace)::Shop::open(int)") == "Shop::open()");
    CHECK(plain("void std::shop::wait<long, std::ratio<1l, 1l> >(std::chrono::duration<long> const&)") ==
          "std::shop::wait()");
    CHECK(plain("main()::<lambda(int)>") == "main::lambda()");
    CHECK(plain("main::{lambda(int)#1}::operator()(int) const") == "main::lambda()");
    CHECK(plain("std::ostream& shop::operator<<(std::ostream&, const Shop&)") == "shop::operator<<()");
    CHECK(plain("start_thread") == "start_thread()");
}

TEST_CASE("A source file is told so that it can be opened from the source's root") {
    CHECK(detail::short_path("../demos/hello.cpp") == "demos/hello.cpp");
    CHECK(detail::short_path("../../src/./hello.cpp") == "src/./hello.cpp");
    CHECK(detail::short_path("hello.cpp") == "hello.cpp");
    std::string here = std::filesystem::current_path();
    CHECK(detail::short_path(here + "/build/../hello.cpp") == "hello.cpp");
    CHECK(detail::short_path("/nowhere/../elsewhere/hello.cpp") == "/elsewhere/hello.cpp");
}

TEST_CASE("An exception that nobody retrieved is told with the task's name and where it was made") {
    struct Bodies {
        static Coro<void> fails() {
            throw std::runtime_error("lost");
            co_return;
        }
    };
    EventLoop loop;
    std::string told;
    loop.set_exception_handler([&](std::exception_ptr, std::string_view where) { told = where; });
    int line = __LINE__ + 1;
    static_cast<void>(loop.create_task(Bodies::fails()).set_name("the failing one"));
    loop.run_once(false);
    CHECK(told.starts_with("the failing one, made at "));
    CHECK(told.find(fmt::format("reports_test.cpp:{}, ended with an exception that nobody retrieved", line)) !=
          told.npos);
    CHECK(told.find("cure: co_await it") != told.npos);
}
