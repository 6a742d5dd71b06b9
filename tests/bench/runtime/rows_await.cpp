// Coroutines that call each other, and generators.
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/generator.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace bench {

namespace {

using namespace stepwise;

Coro<int> at_once() {
    co_return 1;
}

Coro<void> create_and_await(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) use(co_await at_once());
}

Coro<void> descend(int levels) {
    if (levels > 1) co_await descend(levels - 1);
}
Coro<void> chains(std::size_t count) {
    for (std::size_t done = 0; done < count; done += 1000) co_await descend(1000);
}

Coro<int> fibonacci(int n) {
    if (n < 2) co_return n;
    int before = co_await fibonacci(n - 1);
    co_return before + co_await fibonacci(n - 2);
}
Coro<void> fibonaccis(std::size_t count) {
    if (count == warm_up_count) {
        co_await fibonacci(15);
        co_return;
    }
    for (std::size_t done = 0; done < count; done += calls_of_fibonacci_25) use(co_await fibonacci(25));
}

Coro<void> yields(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) co_await sleep(Duration::zero());
}

Coro<void> many_yield(std::size_t count) {
    constexpr std::size_t tasks = 10'000;
    std::vector<Coro<void>> bodies;
    for (std::size_t index = 0; index < tasks; ++index)
        bodies.push_back(yields(std::max<std::size_t>(1, count / tasks)));
    co_await gather(std::move(bodies));
}

Coro<void> future_wakes(std::size_t count) {
    EventLoop& loop = EventLoop::current();
    for (std::size_t done = 0; done < count; ++done) {
        Future<int> future = loop.create_future<int>();
        loop.call_soon([future]() mutable { future.set_result(1); });
        use(co_await future);
    }
}

Coro<void> tasks_joined(std::size_t count) {
    EventLoop& loop = EventLoop::current();
    for (std::size_t done = 0; done < count; ++done) {
        Task<int> task = loop.create_task(at_once());
        use(co_await task);
    }
}

Coro<void> gathers(std::size_t count) {
    for (std::size_t done = 0; done < count; done += 1000) {
        std::vector<Coro<int>> bodies;
        bodies.reserve(1000);
        for (int index = 0; index < 1000; ++index) bodies.push_back(at_once());
        use(co_await gather(std::move(bodies)));
    }
}

Generator<std::size_t> numbers(std::size_t end) {
    for (std::size_t number = 0; number < end; ++number) co_yield number;
}
void generator_values(std::size_t count, Meter& meter) {
    for (std::size_t number : numbers(warm_up_count)) use(number);
    meter.start();
    for (std::size_t number : numbers(count)) use(number);
    meter.stop();
}

Coro<void> wait_for(Future<void> future) {
    co_await future;
}
void suspended_tasks(std::size_t count, Meter& meter) {
    EventLoop loop;
    Future<void> future = loop.create_future();
    std::uint64_t before = allocations().bytes;
    for (std::size_t index = 0; index < count; ++index) static_cast<void>(loop.create_task(wait_for(future)));
    loop.run_once(false);
    meter.set_bytes(static_cast<double>(allocations().bytes - before) / static_cast<double>(count));
    future.set_result();
    while (loop.task_count() != 0) loop.run_once(false);
}

constexpr std::array rows{
    Row{"create_await", 2'000'000, in_a_task<create_and_await>},
    Row{"await_chain_1000", 2'000'000, in_a_task<chains>},
    Row{"fibonacci_25", calls_of_fibonacci_25 * 8, in_a_task<fibonaccis>},
    Row{"yield", 2'000'000, in_a_task<yields>},
    Row{"yield_10000_tasks", 2'000'000, in_a_task<many_yield>},
    Row{"future_wakes_task", 1'000'000, in_a_task<future_wakes>},
    Row{"create_task_join", 1'000'000, in_a_task<tasks_joined>},
    Row{"gather_1000", 1'000'000, in_a_task<gathers>},
    Row{"generator_value", 5'000'000, generator_values},
    Row{"suspended_task_bytes", 20'000, suspended_tasks},
};

}  // namespace

std::span<const Row> await_rows() {
    return rows;
}

}  // namespace bench
