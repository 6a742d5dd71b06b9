// What a loop tells of itself, and that every cause is a fact.
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/tests/runtime/support.hpp>
#include <stepwise/tests/runtime/trace/traced.hpp>

#include <doctest/doctest.h>

#include <optional>

namespace {

using namespace runtime_test;
using namespace trace_test;

constexpr unsigned line_of_sleep = __LINE__ + 3;

Coro<int> child() {
    co_await sleep(5ms);
    co_return 7;
}

Coro<void> main_task() {
    int value = co_await child();
    CHECK(value == 7);
    Future<int> future = EventLoop::current().create_future<int>();
    EventLoop::current().call_later(1ms, [future]() mutable { future.set_result(3); });
    value = co_await future;
    CHECK(value == 3);
}

Story story_of_main_task() {
    return traced([] {
        World world;
        world.run(main_task());
    });
}

TEST_CASE("every event has the next number, and its cause came before it") {
    Story story = story_of_main_task();
    CHECK(story.reader.problem() == "");
    CHECK(story.reader.complete());
    std::uint64_t seq = 0;
    for (const Record& event : story.events) {
        CHECK(event.seq == ++seq);
        CHECK(event.by < event.seq);
        CHECK(event.w == 0);  // the test's clock is its own
    }
    CHECK(story.events.back().kind == Kind::loop_end);
}

TEST_CASE("a task that slept runs because its handle was pushed, because it was woken, because a timer fired") {
    Story story = story_of_main_task();
    const Record fired = story.all(Kind::timer_fire).front();
    CHECK(story.of(fired.by).kind == Kind::timer_add);
    CHECK(fired.t == 5'000'000);
    auto steps = story.all(Kind::step_begin);
    REQUIRE(steps.size() == 3);
    CHECK(story.chain(steps[1], 6) == "step.begin run.begin ready.push wakeup timer.fire timer.add");
    CHECK(story.chain(steps[2], 8) ==
          "step.begin run.begin ready.push wakeup future.done run.begin ready.push timer.fire");
    CHECK(story.chain(steps[0], 3) == "step.begin run.begin ready.push");
}

TEST_CASE("an await names what it waits for, and the line") {
    Story story = story_of_main_task();
    auto awaits = story.all(Kind::await);
    REQUIRE(awaits.size() == 2);
    CHECK(story.reader.string(awaits[0].other) == "sleep");
    CHECK(story.reader.string(awaits[1].other) == "future");
    CHECK(awaits[1].a == story.all(Kind::future_new).front().id);
    Source place = story.reader.source(awaits[0].at);
    CHECK(place.file.ends_with("trace_test.cpp"));
    CHECK(place.function.find("child") != std::string_view::npos);
    CHECK(place.line == line_of_sleep);
}

TEST_CASE("frames are called and return within their task, the innermost first") {
    Story story = story_of_main_task();
    auto calls = story.all(Kind::frame_call);
    auto returns = story.all(Kind::frame_return);
    REQUIRE(calls.size() == 2);
    REQUIRE(returns.size() == 2);
    CHECK(calls[1].other == calls[0].id);
    CHECK(calls[1].a == story.all(Kind::task_new).front().id);
    CHECK(returns[0].id == calls[1].id);
    CHECK(returns[1].id == calls[0].id);
}

TEST_CASE("what begins ends: handles that ran, tasks and futures that were dropped") {
    Story story = story_of_main_task();
    std::map<std::uint32_t, int> open;
    for (const Record& event : story.events) {
        switch (event.kind) {
            case Kind::run_begin:
            case Kind::future_new:
            case Kind::task_new:
            case Kind::frame_call:
                ++open[event.id];
                break;
            case Kind::run_end:
            case Kind::future_drop:
            case Kind::frame_return:
                --open[event.id];
                break;
            default:
                break;
        }
    }
    CHECK(open.size() >= 5);
    for (auto [id, count] : open) CHECK_MESSAGE(count == 0, "object ", id);
}

TEST_CASE("the same run on a clock of its own gives the same bytes") {
    auto bytes_of = [] {
        Story story = story_of_main_task();
        std::string text;
        for (const Record& event : story.events) text += as_json(story.reader, event) + "\n";
        return text;
    };
    CHECK(bytes_of() == bytes_of());
}

Coro<void> fails() {
    throw std::runtime_error("on purpose");
    co_return;
}

Coro<void> waits_for_ever() {
    Future<> never = EventLoop::current().create_future<>();
    co_await never;
}

Coro<void> cancels() {
    Task<void> failing = EventLoop::current().create_task(fails());
    failing.set_name("the one that fails");
    Task<void> waiting = EventLoop::current().create_task(waits_for_ever());
    co_await sleep(1ms);
    waiting.cancel();
    CHECK_THROWS_AS(failing.result(), std::runtime_error);
    co_await sleep(1ms);
    CHECK(waiting.cancelled());
    Handle handle = EventLoop::current().call_soon([] { FAIL("cancelled"); });
    handle.cancel();
    Handle later = EventLoop::current().call_later(1h, [] {});
    later.cancel();
}

TEST_CASE("names, parents, cancellations, and exceptions that were looked at are told") {
    Story story = traced([] {
        World world;
        world.run(cancels());
        world.turns(1);
    });
    auto tasks = story.all(Kind::task_new);
    REQUIRE(tasks.size() == 3);
    CHECK(tasks[1].a == tasks[0].id);
    auto named = story.all(Kind::task_name);
    REQUIRE(named.size() == 1);
    CHECK(named[0].id == tasks[1].id);
    CHECK(story.reader.string(static_cast<std::uint64_t>(named[0].a)) == "the one that fails");
    REQUIRE(story.all(Kind::cancel_request).size() == 1);
    const Record request = story.all(Kind::cancel_request)[0];
    CHECK(request.id == tasks[2].id);
    CHECK(story.of(request.by).kind == Kind::step_begin);
    REQUIRE(story.all(Kind::future_retrieved).size() == 1);
    CHECK(story.all(Kind::future_retrieved)[0].id == tasks[1].id);
    CHECK(story.all(Kind::handle_cancel).size() == 1);
    CHECK(story.all(Kind::timer_cancel).size() == 1);
    std::map<std::uint32_t, int> states;
    for (const Record& done : story.all(Kind::task_done)) states[done.id] = done.detail;
    CHECK(states[tasks[1].id] == 2);
    CHECK(states[tasks[2].id] == 3);
}

TEST_CASE("a task that is destroyed where it waits: its frames end, the innermost first") {
    Story story = traced([] {
        World world;
        Task<int> waiting = world.loop.create_task(child());
        world.loop.create_task(waits_for_ever());
        world.turns(2);
        set_lint_handler([](const Lint&) {});
    });
    set_lint_handler(nullptr);
    int destroyed = 0;
    for (const Record& ended : story.all(Kind::frame_return)) destroyed += ended.detail;
    CHECK(destroyed == 2);
    CHECK(story.reader.complete());
}

Coro<void> sleeps() {
    co_await sleep(2s);
}

TEST_CASE("a simulated loop tells of its end, although its clock has ended before") {
    Story story = traced([] {
        EventLoop::Options options;
        options.reactor = "sim";
        EventLoop loop(options);
        loop.run_until_complete(sleeps());
    });
    REQUIRE(!story.events.empty());
    CHECK(story.events.back().kind == Kind::loop_end);
    CHECK(story.events.back().t - story.events.front().t >= 2'000'000'000);
}

TEST_CASE("a future that outlives its loop may be dropped") {
    Story story = traced([] {
        std::optional<Future<int>> kept;
        World world;
        kept = world.loop.create_future<int>();
        world.turns(1);
    });
    CHECK(story.reader.complete());
}

TEST_CASE("threads beyond the last number share it, and none has the loop's own") {
    CHECK(trace::thread_number_of(1) == 1);
    CHECK(trace::thread_number_of(65535) == 65535);
    CHECK(trace::thread_number_of(65536) == 65535);
    CHECK(trace::thread_number_of(65537) == 65535);
}

}  // namespace
