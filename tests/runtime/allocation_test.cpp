// Law 4, by counting: this program's own operator new. A sanitizer brings its own, and turns the frame pool off.
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sync/barrier.hpp>
#include <stepwise/runtime/sync/condition.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
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

Coro<> waits_for_an_event() {
    Event event;
    EventLoop::current().call_soon([&] { event.set(); });
    co_await event.wait();
}
Coro<> waits_for_a_lock() {
    Lock lock;
    Lock::Guard first = lock.try_acquire();
    EventLoop::current().call_soon([&] { first.release(); });
    Lock::Guard second = co_await lock.acquire();
}
Coro<> waits_for_a_permit() {
    Semaphore semaphore(2);
    Semaphore::Permit first = co_await semaphore.acquire();
    Semaphore::Permit second = co_await semaphore.acquire();
    EventLoop::current().call_soon([&] { first.release(); });
    Semaphore::Permit third = co_await semaphore.acquire();
}
Coro<> waits_for_a_condition() {
    Lock lock;
    Condition condition;
    Lock::Guard guard = co_await lock.acquire();
    EventLoop::current().call_soon([&] { condition.notify(); });
    co_await condition.wait(guard);
}
Coro<> comes_to(Barrier& barrier) {
    co_await barrier.wait();
}
Coro<> waits_at_a_barrier() {
    Barrier barrier(2);
    Task<> other = EventLoop::current().create_task(comes_to(barrier));
    co_await barrier.wait();
    co_await other;
}
// The memory for what a queue holds is made with it.
template <class Kind>
Coro<> waits_for_a_queue() {
    static Kind queue(1);
    EventLoop::current().call_soon([] { queue.try_put(1); });
    co_await queue.get();
    queue.try_put(2);
    EventLoop::current().call_soon([] { queue.try_get(); });
    co_await queue.put(3);
    co_await queue.get();
}
Coro<> gathers_in_time() {
    struct Bodies {
        static Coro<> both() { co_await gather(sleeps(), yields()); }
    };
    co_await timeout(1s, Bodies::both());
}
Coro<> has_a_group() {
    struct Bodies {
        static Coro<> body(TaskGroup& group) {
            group.start_soon(sleeps());
            co_return;
        }
    };
    co_await task_group(Bodies::body);
}

constexpr Coro<> (*steps[])() = {awaits_a_coro,
                                 sleeps,
                                 yields,
                                 sets_a_future,
                                 joins_a_task,
                                 adds_a_callback,
                                 calls_soon,
                                 posts,
                                 waits_for_an_event,
                                 waits_for_a_lock,
                                 waits_for_a_permit,
                                 waits_for_a_condition,
                                 waits_at_a_barrier,
                                 waits_for_a_queue<Queue<int>>,
                                 waits_for_a_queue<PriorityQueue<int>>,
                                 gathers_in_time,
                                 has_a_group};

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

TEST_CASE("law 4: once warm, awaits, futures, tasks, calls, and waits for each other allocate nothing") {
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

TEST_CASE("law 4: once warm, awaits, futures, tasks, calls, and waits for each other allocate nothing") {
    std::puts("SKIPPED law 4, no allocation once warm: a sanitizer counts memory itself, and the frame pool is off");
}

#endif
