// How reports tell functions and files, and whose time they take.
#include <stepwise/runtime/async_generator.hpp>
#include <stepwise/runtime/diagnostics/await_chain.hpp>
#include <stepwise/runtime/diagnostics/function_name.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/task_group.hpp>

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

struct Places {
    static constexpr int line = __LINE__;
    static Coro<int> read_row() {
        co_await sleep(0s);  // line + 2
        throw std::runtime_error("no row");
    }
    static Coro<int> load() {
        int row = co_await read_row();  // line + 6
        co_return row;
    }
    static Coro<int> side_by_side() {
        Coro<int> one = load();
        Coro<int> other = load();
        auto [first, second] = co_await gather(std::move(one), std::move(other));  // line + 12
        co_return first + second;
    }
    static Coro<int> with_cleanup() {
        Coro<int> body = load();
        int row = co_await finally(std::move(body), cleans_up());  // line + 17
        co_return row;
    }
    static Coro<void> cleans_up() {
        try {
            co_await load();
        } catch (const std::runtime_error&) {
        }
    }
    static AsyncGenerator<int> rows() {
        co_yield 1;
        co_yield co_await load();  // line + 28
    }
    static Coro<int> last_row() {
        AsyncGenerator<int> all = rows();
        int last = 0;
        while (auto row = co_await all.next()) last = *row;  // line + 33
        co_return last;
    }
    static Coro<int> deep(int depth) {
        if (depth == 0) throw std::runtime_error("deep down");
        co_return co_await deep(depth - 1);
    }
};

using Lines = std::vector<std::string>;

std::string at(int line, const char* function) {
    return fmt::format("reports_test.cpp:{}, in Places::{}()", Places::line + line, function);
}

// The files as short as they are spelled here.
Lines chain_of(const std::exception_ptr& error) {
    Lines lines = await_chain(error);
    for (std::string& line : lines) {
        std::size_t file = line.find("reports_test.cpp");
        std::size_t begin = line.rfind(' ', file);
        if (file != line.npos) line.erase(begin + 1, file - begin - 1);
    }
    return lines;
}

Coro<Lines> chain_here(Coro<int> body) {
    try {
        co_await std::move(body);
    } catch (const std::runtime_error&) {
        co_return chain_of(std::current_exception());
    }
    co_return Lines{};
}

// In debug mode, and so slow that it has nothing else to tell.
EventLoop::Options debugging(bool debug = true) {
    EventLoop::Options options;
    options.debug = debug;
    options.step_max = options.turn_max = 1h;
    return options;
}

Lines chain_through(Coro<int> body, bool debug = true) {
    EventLoop loop(debugging(debug));
    loop.set_exception_handler([](const std::exception_ptr&, std::string_view) {});
    return loop.run_until_complete(chain_here(std::move(body)));
}

}  // namespace

TEST_CASE("What a report takes is not counted as the program's time") {
    const std::vector<Lint::Rule> wanted = {Lint::Rule::never_awaited};
    std::vector<Lint::Rule> told;
    LintHandler before = set_lint_handler([&](const Lint& lint) {
        told.push_back(lint.rule);
        // As slow as reading much debug information.
        for (auto end = std::chrono::steady_clock::now() + 150ms; std::chrono::steady_clock::now() < end;) continue;
    });
    EventLoop::Options options;
    options.debug = true;
    options.step_max = 100ms;
    // Once more, where the machine had no time for this process between the report and the step's end.
    for (int attempt = 0; attempt < 5 && told != wanted; ++attempt) {
        told.clear();
        EventLoop loop(options);
        loop.call_soon([] { static_cast<void>(errand()); });
        loop.run_once(false);
    }
    set_lint_handler(before);
    CHECK(told == wanted);
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
    CHECK(plain("operator()") == "lambda()");  // all that is told of one within a coroutine
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

TEST_CASE("In debug mode an exception tells through which awaits it has come, wherever it is caught") {
    const std::string thrown = "at " + at(2, "read_row") + ", or soon after it";
    CHECK(chain_through(Places::load()) == Lines{thrown, "awaited at " + at(6, "load")});
    CHECK(chain_through(Places::read_row()) == Lines{thrown});
    SUBCASE("through an AsyncGenerator") {
        CHECK(chain_through(Places::last_row()) == Lines{thrown, "awaited at " + at(6, "load"),
                                                         "awaited at " + at(28, "rows"),
                                                         "awaited at " + at(33, "last_row")});
    }
    SUBCASE("from a task to the one that awaits it") {
        CHECK(chain_through(Places::side_by_side()) ==
              Lines{thrown, "awaited at " + at(6, "load"), "awaited at " + at(12, "side_by_side")});
    }
    SUBCASE("past a cleanup, which awaits, and catches one of its own") {
        Lines lines = chain_through(Places::with_cleanup());
        REQUIRE(lines.size() == 4);
        CHECK(lines[0] == thrown);
        CHECK(lines[2].find("finally.hpp:") != std::string::npos);
        CHECK(lines[3] == "awaited at " + at(17, "with_cleanup"));
    }
    SUBCASE("as far as a report can be read") {
        Lines lines = chain_through(Places::deep(100));
        REQUIRE(lines.size() == detail::AwaitChains::places_max + 1);
        CHECK(lines.back() == "and 71 more that awaited these");
    }
}

TEST_CASE("Outside of debug mode nothing is noted, nor is there anything to tell of an exception that ended no frame") {
    CHECK(chain_through(Places::load(), false).empty());
    EventLoop loop(debugging());
    CHECK(await_chain(std::make_exception_ptr(1)).empty());
    CHECK(await_chain(nullptr).empty());
}

TEST_CASE("A failed future that several tasks await has come to each on its own way") {
    struct Bodies {
        static Coro<int> awaits(Task<int> task) { co_return co_await task; }
        static Coro<int> awaits_twice(Task<int> task) {
            try {
                co_await awaits(task);
            } catch (const std::runtime_error&) {
            }
            co_return co_await awaits(task);
        }
    };
    EventLoop loop(debugging());
    Task<int> failing = loop.create_task(Places::load());
    Task<Lines> first = loop.create_task(chain_here(Bodies::awaits(failing)));
    Task<Lines> second = loop.create_task(chain_here(Bodies::awaits_twice(failing)));
    auto both = [](Task<Lines> one, Task<Lines> other) -> Coro<std::vector<Lines>> {
        std::vector<Lines> lines;
        lines.push_back(co_await one);
        lines.push_back(co_await other);
        co_return lines;
    };
    std::vector<Lines> lines = loop.run_until_complete(both(first, second));
    CHECK(lines[0].size() == 3);
    CHECK(lines[1].size() == 4);
    for (const Lines& chain : lines) {
        REQUIRE(chain.size() >= 3);
        CHECK(chain[1] == "awaited at " + at(6, "load"));
        CHECK(chain[2].find("Bodies::awaits") != std::string::npos);
    }
}

TEST_CASE("What is kept of exceptions is bounded, and ends with the loop") {
    struct Held {
        explicit Held(std::shared_ptr<int> counted) : kept(std::move(counted)) {}
        std::shared_ptr<int> kept;
    };
    struct Bodies {
        static Coro<void> fails(std::shared_ptr<int> counted) {
            throw Held(std::move(counted));
            co_return;
        }
        static Coro<void> catches(std::shared_ptr<int> counted, std::size_t times) {
            for (std::size_t time = 0; time < times; ++time) {
                try {
                    co_await fails(counted);
                } catch (const Held&) {
                }
            }
        }
    };
    auto counted = std::make_shared<int>();
    {
        EventLoop loop(debugging());
        loop.run_until_complete(Bodies::catches(counted, 100));
        CHECK(counted.use_count() == 1 + static_cast<long>(detail::AwaitChains::chains_max));
    }
    CHECK(counted.use_count() == 1);
}

TEST_CASE("An exception handler can tell the chain of what nobody has retrieved") {
    EventLoop loop(debugging());
    Lines told;
    loop.set_exception_handler([&](const std::exception_ptr& error, std::string_view) { told = chain_of(error); });
    static_cast<void>(loop.create_task(Places::load()));
    for (int turn = 0; turn < 5; ++turn) loop.run_once(false);
    CHECK(told.size() == 2);
}
