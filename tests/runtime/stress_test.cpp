#include <malloc.h>
#include <stepwise/runtime/frame_pool.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string_view>
#include <vector>

namespace {

using namespace stepwise;

// A throw costs ten times as much where every access is watched.
#if !STEPWISE_FRAME_POOL
constexpr std::string_view build = "fewer tasks, as AddressSanitizer watches; its leak check looks at the rest";
constexpr long tasks = 100'000;
#elif defined(__SANITIZE_THREAD__)
constexpr std::string_view build = "fewer tasks, as ThreadSanitizer watches; it has no count of memory";
constexpr long tasks = 100'000;
#else
constexpr std::string_view build = "all tasks";
constexpr long tasks = 1'000'000;
#endif
constexpr long tasks_per_batch = 1000;
constexpr std::size_t loops = 2;

struct Counts {
    long returned = 0;
    long cancelled = 0;
    std::size_t tasks_left = 0;
};

// What is alive in any frame of any loop.
std::atomic<long> living = 0;
struct Lives {
    Lives() { ++living; }
    Lives(const Lives&) = delete;
    Lives& operator=(const Lives&) = delete;
    ~Lives() { --living; }
};

Coro<void> wait_deep(Event& event, int depth) {
    Lives lives;
    if (depth == 0) {
        co_await event.wait();
    } else {
        co_await wait_deep(event, depth - 1);
    }
}

// One of loop 0 or 1, whose tasks are let go, or cancelled, by the other one.
struct Batch {
    Event let_go;
    Event never;
    std::vector<Task<int>> all;

    void end_from_outside() {
        let_go.set();
        for (std::size_t number = 1; number < all.size(); number += 2) all[number].cancel();
    }
};

Coro<int> work(Batch& batch, long number) {
    Lives lives;
    switch (number % 4) {
        case 0:
            break;  // returns at once
        case 1:
            co_await sleep(std::chrono::hours(1));  // cancelled
            break;
        case 2:
            co_await wait_deep(batch.let_go, 3);  // let go
            break;
        default:
            co_await wait_deep(batch.never, 3);  // cancelled
    }
    co_return 1;
}

Coro<void> make_and_join(LoopGroup& group, std::size_t index, bool begun, Counts& counts) {
    Batch batch;
    for (long number = 0; number < tasks_per_batch; ++number) {
        batch.all.push_back(EventLoop::current().create_task(work(batch, number)));
    }
    if (begun) co_await sleep(Duration::zero());  // else they are cancelled before their first step, or after it
    group.post(1 - index, [&group, &batch, index] { group.post(index, [&batch] { batch.end_from_outside(); }); });
    for (Task<int>& task : batch.all) {
        try {
            int returned = co_await task;
            counts.returned += returned;
        } catch (const CancelledError&) {
            ++counts.cancelled;
        }
    }
}

// Each loop answers the other one until both are done.
struct Stress {
    static Coro<void> run(Stress& self, LoopGroup& group, std::size_t index, long batches) {
        for (long batch = 0; batch < batches; ++batch) {
            co_await make_and_join(group, index, batch % 2 == 0, self.counts[index]);
        }
        self.counts[index].tasks_left = EventLoop::current().task_count();
        group.post(1 - index, [&other_is_done = self.other_is_done[1 - index]] { other_is_done.set(); });
        co_await self.other_is_done[index].wait();
    }

    Counts counts[loops];
    Event other_is_done[loops];
};

// Returns the bytes that the process holds afterwards.
std::size_t stress(long count) {
    Stress stress;
    LoopGroup group(loops);
    const long batches = count / tasks_per_batch / static_cast<long>(loops);
    group.start([&](LoopGroup& all, std::size_t index) { return Stress::run(stress, all, index, batches); });
    group.join();
    for (const Counts& counts : stress.counts) {
        CHECK(counts.returned == batches * tasks_per_batch / 2);
        CHECK(counts.cancelled == batches * tasks_per_batch / 2);
        CHECK(counts.tasks_left == 1);  // the loop's main
    }
    CHECK(living == 0);
    return ::mallinfo2().uordblks;
}

}  // namespace

TEST_CASE("a million tasks that two loops make, cancel for each other and join leave nothing behind") {
    MESSAGE(build);
    std::size_t warm = stress(20'000);
    std::size_t after = stress(tasks);
    CHECK(after <= warm + 64 * 1024);  // under a sanitizer both are 0
}
