// Law 4, by counting: this program's own operator new. A sanitizer brings its own, and turns the frame pool off.
#include <stepwise/tests/allocations.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <string>

#if COUNTS_ALLOCATIONS

namespace {

using namespace runtime_test;

// How many allocations the second of two equal runs makes.
template <class Body>
long allocations_once_warm(Body body) {
    World world;
    Task<long> task = world.loop.create_task(body());
    while (!task.done()) world.loop.run_once();
    return task.result();
}

template <class Step>
Coro<long> count_steps(Step step) {
    long before = 0;
    for (int round = 0; round < 2000; ++round) {
        if (round == 1000) before = allocations;
        co_await step();
    }
    co_return allocations - before;
}

Coro<> awaits_a_coro() {
    co_await at_once(1);
}
Coro<> sleeps() {
    co_await sleep(1ms);
}
Coro<> yields() {
    co_await sleep(0s);
}
Coro<> sets_a_future() {
    Future<int> future = EventLoop::current().create_future<int>();
    EventLoop::current().call_soon([future]() mutable { future.set_result(1); });
    co_await future;
}
Coro<> joins_a_task() {
    Task<int> task = EventLoop::current().create_task(at_once(1));
    co_await task;
}
Coro<> adds_a_callback() {
    Future<> future = EventLoop::current().create_future();
    future.add_done_callback([](Future<>) {});
    future.set_result();
    co_await sleep(0s);
}
Coro<> calls_soon() {
    EventLoop::current().call_soon([] {});
    EventLoop::current().call_later(1ms, [] {});
    co_await sleep(2ms);
}
Coro<> posts() {
    EventLoop::current().call_soon_threadsafe([] {});
    co_await sleep(0s);
}

constexpr Coro<> (*steps[])() = {awaits_a_coro, sleeps,          yields,     sets_a_future,
                                 joins_a_task,  adds_a_callback, calls_soon, posts};

// While it lives, loops that are made are traced to a file.
class Traced {
public:
    Traced() {
        REQUIRE(::mkdtemp(folder_.data()) != nullptr);
        ::setenv("STEPWISE_TRACE", ("file:" + folder_ + "/trace").c_str(), 1);
    }
    Traced(const Traced&) = delete;
    Traced& operator=(const Traced&) = delete;
    ~Traced() {
        ::unsetenv("STEPWISE_TRACE");
        std::filesystem::remove_all(folder_);
    }
    std::uintmax_t bytes() const { return std::filesystem::file_size(folder_ + "/trace"); }

private:
    std::string folder_ = std::filesystem::temp_directory_path() / "stepwise-traced-XXXXXX";
};

}  // namespace

TEST_CASE("law 4: once warm, awaits, sleeps, futures, tasks, callbacks and calls allocate nothing") {
    for (auto step : steps) {
        CHECK(allocations_once_warm([step] { return count_steps(step); }) == 0);
    }
}

TEST_CASE("law 4 holds for a loop that is traced, too: events are written where there is room for them") {
    for (auto step : steps) {
        Traced traced;
        CHECK(allocations_once_warm([step] { return count_steps(step); }) == 0);
#ifndef STEPWISE_NO_TRACE
        CHECK(traced.bytes() > 500'000);
#endif
    }
}

#else

TEST_CASE("law 4: once warm, awaits, sleeps, futures, tasks, callbacks and calls allocate nothing") {
    std::puts("SKIPPED law 4, no allocation once warm: a sanitizer counts memory itself, and the frame pool is off");
}

#endif
