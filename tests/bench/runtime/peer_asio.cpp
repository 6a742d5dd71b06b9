// The rows that Boost.Asio has: awaitables and posts on one io_context, with the executor's own type throughout.
#include <stepwise/tests/bench/runtime/bench.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <thread>
#include <vector>

namespace bench {

namespace {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Clock = std::chrono::steady_clock;
constexpr asio::use_awaitable_t<Executor> awaited{};

using Operations = Awaitable<void> (*)(std::size_t count);

Awaitable<void> warmed_up(Operations operations, std::size_t count, Meter& meter) {
    co_await operations(warm_up_count);
    meter.start();
    co_await operations(count);
    meter.stop();
}

template <Operations operations>
void in_a_task(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    asio::co_spawn(context.get_executor(), warmed_up(operations, count, meter), asio::detached);
    context.run();
}

Awaitable<int> at_once() {
    co_return 1;
}
Awaitable<void> create_and_await(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) use(co_await at_once());
}

Awaitable<void> descend(int levels) {
    if (levels > 1) co_await descend(levels - 1);
}
Awaitable<void> chains(std::size_t count) {
    for (std::size_t done = 0; done < count; done += 1000) co_await descend(1000);
}

Awaitable<int> fibonacci(int n) {
    if (n < 2) co_return n;
    int before = co_await fibonacci(n - 1);
    co_return before + co_await fibonacci(n - 2);
}
Awaitable<void> fibonaccis(std::size_t count) {
    if (count == warm_up_count) {
        co_await fibonacci(15);
        co_return;
    }
    for (std::size_t done = 0; done < count; done += calls_of_fibonacci_25) use(co_await fibonacci(25));
}

Awaitable<void> yields(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) co_await asio::post(awaited);
}

Awaitable<void> many_yield(std::size_t count) {
    constexpr std::size_t tasks = 10'000;
    Executor executor = co_await asio::this_coro::executor;
    std::size_t left = tasks;
    Timer all_done(executor, Timer::time_point::max());
    for (std::size_t index = 0; index < tasks; ++index) {
        asio::co_spawn(executor, yields(std::max<std::size_t>(1, count / tasks)), [&](std::exception_ptr) {
            if (--left == 0) all_done.cancel();
        });
    }
    boost::system::error_code ignored;
    auto token = asio::redirect_error(awaited, ignored);
    co_await all_done.async_wait(token);
}

Awaitable<void> tasks_joined(std::size_t count) {
    Executor executor = co_await asio::this_coro::executor;
    for (std::size_t done = 0; done < count; ++done) use(co_await asio::co_spawn(executor, at_once(), awaited));
}

struct Repost {
    asio::io_context& context;
    std::size_t& left;
    void operator()() const {
        if (--left > 0) asio::post(context, *this);
    }
};

void reposting(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    auto operations = [&](std::size_t left) {
        asio::post(context, Repost{context, left});
        context.restart();
        context.run();
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
}

void batches(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    std::size_t called = 0;
    auto operations = [&](std::size_t wanted) {
        for (std::size_t done = 0; done < wanted; done += 1000) {
            for (int index = 0; index < 1000; ++index) asio::post(context, [&called] { ++called; });
            context.restart();
            context.run();
        }
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
    use(called);
}

void timer_cancel(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    Timer timer(context.get_executor());
    auto operations = [&](std::size_t wanted) {
        for (std::size_t done = 0; done < wanted; ++done) {
            timer.expires_after(std::chrono::seconds(60));
            timer.async_wait([](boost::system::error_code) {});
            timer.cancel();
            context.restart();
            context.poll();
        }
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
}

void posts(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    auto work = asio::make_work_guard(context);
    std::size_t called = 0;
    std::thread poster([&] {
        meter.start();
        for (std::size_t done = 0; done < count; ++done) asio::post(context, [&called] { ++called; });
        meter.stop();
        asio::post(context, [&context] { context.stop(); });
    });
    context.run();
    poster.join();
    use(called);
}

void latency(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    auto work = asio::make_work_guard(context);
    std::vector<std::chrono::nanoseconds> times;
    std::atomic<std::size_t> called = 0;
    std::thread poster([&] {
        for (std::size_t done = 0; done < count; ++done) {
            asio::post(context, [&, posted = Clock::now()] {
                times.push_back(Clock::now() - posted);
                called.fetch_add(1);
            });
            while (called.load() <= done) std::this_thread::yield();
            for (Clock::time_point until = Clock::now() + std::chrono::microseconds(50); Clock::now() < until;) {
            }
        }
        asio::post(context, [&context] { context.stop(); });
    });
    context.run();
    poster.join();
    auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    meter.set_ns(static_cast<double>(middle->count()));
}

constexpr std::array rows{
    Row{"create_await", 1'000'000, in_a_task<create_and_await>},
    Row{"await_chain_1000", 1'000'000, in_a_task<chains>},
    Row{"fibonacci_25", calls_of_fibonacci_25 * 4, in_a_task<fibonaccis>},
    Row{"yield", 500'000, in_a_task<yields>},
    Row{"yield_10000_tasks", 500'000, in_a_task<many_yield>},
    Row{"create_task_join", 300'000, in_a_task<tasks_joined>},
    Row{"call_soon_reposting", 1'000'000, reposting},
    Row{"call_soon_batches_1000", 1'000'000, batches},
    Row{"timer_cancel", 500'000, timer_cancel},
    Row{"call_soon_threadsafe", 500'000, posts},
    Row{"thread_latency_p50", 5'000, latency},
};

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_rows(argc, argv, bench::rows);
}
