// The rows of Stepwise, by what they are about; and the way most of them run: a coroutine that does the operation so
// many times, first to warm up, then between the meter's start and stop.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/tests/bench/runtime/bench.hpp>

#include <span>

namespace bench {

std::span<const Row> await_rows();
std::span<const Row> queue_rows();
std::span<const Row> loop_rows();
std::span<const Row> timer_rows();
std::span<const Row> thread_rows();
std::span<const Row> cancel_rows();

using Operations = stepwise::Coro<void> (*)(std::size_t count);

inline stepwise::Coro<void> warmed_up(Operations operations, std::size_t count, Meter& meter) {
    co_await operations(warm_up_count);
    meter.start();
    co_await operations(count);
    meter.stop();
}

template <Operations operations>
void in_a_task(std::size_t count, Meter& meter) {
    stepwise::EventLoop loop;
    loop.run_until_complete(warmed_up(operations, count, meter));
}

}  // namespace bench
