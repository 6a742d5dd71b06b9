// Cancelling a task that waits so many awaits deep, beside what no C++ runtime can avoid: a throw, and at each level a
// catch and a throw again.
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <array>

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

template <int levels>
Coro<void> cancels(std::size_t count) {
    EventLoop& loop = EventLoop::current();
    for (std::size_t done = 0; done < count; ++done) {
        Future<void> never = loop.create_future();
        Task<void> task = loop.create_task(wait_below(levels, never));
        co_await sleep(Duration::zero());  // the task waits by now
        task.cancel();
        while (!task.done()) co_await sleep(Duration::zero());
    }
}

[[gnu::noinline]] void throw_below(int levels) {
    try {
        if (levels > 0) throw_below(levels - 1);
    } catch (const CancelledError& error) {
        use(error);
    }
    throw CancelledError();
}

template <int levels>
void bare_throws(std::size_t count, Meter& meter) {
    auto operations = [](std::size_t times) {
        for (std::size_t done = 0; done < times; ++done) {
            try {
                throw_below(levels);
            } catch (const CancelledError& error) {
                use(error);
            }
        }
    };
    operations(100);
    meter.start();
    operations(count);
    meter.stop();
}

constexpr std::array rows{
    Row{"cancel_0_deep", 50'000, in_a_task<cancels<0>>},   Row{"bare_throw_0_deep", 50'000, bare_throws<0>},
    Row{"cancel_4_deep", 20'000, in_a_task<cancels<4>>},   Row{"bare_throw_4_deep", 20'000, bare_throws<4>},
    Row{"cancel_16_deep", 10'000, in_a_task<cancels<16>>}, Row{"bare_throw_16_deep", 10'000, bare_throws<16>},
};

}  // namespace

std::span<const Row> cancel_rows() {
    return rows;
}

}  // namespace bench
