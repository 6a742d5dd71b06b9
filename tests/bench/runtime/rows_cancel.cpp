// Cancelling tasks that wait so many awaits deep. What no C++ runtime can avoid stands beside it: floor_cancel.cpp.
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <array>
#include <vector>

namespace bench {

namespace {

using namespace stepwise;

Coro<void> wait_below(int levels, Future<void> future) {
    if (levels > 0) {
        co_await wait_below(levels - 1, std::move(future));
    } else {
        co_await future;
    }
}

// From the first request to the end of the last task.
void cancel_all(EventLoop& loop, std::vector<Task<void>>& tasks) {
    for (Task<void>& task : tasks) task.cancel();
    while (!tasks.back().done()) loop.run_once(false);
}

template <int levels>
std::vector<Task<void>> waiting_tasks(EventLoop& loop, std::size_t count) {
    std::vector<Task<void>> tasks;
    tasks.reserve(count);
    for (std::size_t made = 0; made < count; ++made) {
        Future<void> never = loop.create_future();
        tasks.push_back(loop.create_task(wait_below(levels, std::move(never))));
    }
    loop.run_once(false);
    return tasks;
}

template <int levels>
void cancels(std::size_t count, Meter& meter) {
    EventLoop loop;
    std::vector<Task<void>> tasks = waiting_tasks<levels>(loop, 100);
    cancel_all(loop, tasks);
    tasks = waiting_tasks<levels>(loop, count);
    meter.start();
    cancel_all(loop, tasks);
    meter.stop();
}

constexpr std::array rows{
    Row{"cancel_0_deep", 20'000, cancels<0>},
    Row{"cancel_4_deep", 20'000, cancels<4>},
    Row{"cancel_16_deep", 20'000, cancels<16>},
};

}  // namespace

std::span<const Row> cancel_rows() {
    return rows;
}

}  // namespace bench
