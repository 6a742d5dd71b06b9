// The rows that Boost.Asio has: awaitables and posts on one io_context, with the executor's own type throughout.
#include <stepwise/tests/bench/runtime/bench.hpp>
#include <stepwise/tests/bench/runtime/delays.hpp>
#include <stepwise/tests/bench/runtime/latency.hpp>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
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

// One value for one who waits: what Asio has instead of a future that an awaitable can wait for.
template <class T>
using Channel = asio::experimental::channel<Executor, void(boost::system::error_code, T)>;

Awaitable<void> future_wakes(std::size_t count) {
    Executor executor = co_await asio::this_coro::executor;
    for (std::size_t done = 0; done < count; ++done) {
        Channel<int> future(executor, 1);
        asio::post(executor, [&future] { future.try_send(boost::system::error_code(), 1); });
        use(co_await future.async_receive(awaited));
    }
}

Awaitable<void> gathers(std::size_t count) {
    Executor executor = co_await asio::this_coro::executor;
    for (std::size_t done = 0; done < count; done += 1000) {
        std::size_t left = 1000;
        std::vector<int> results(left);
        Channel<int> all_done(executor, 1);
        for (int& result : results) {
            asio::co_spawn(executor, at_once(), [&](std::exception_ptr, int value) {
                result = value;
                if (--left == 0) all_done.try_send(boost::system::error_code(), 1);
            });
        }
        co_await all_done.async_receive(awaited);
        use(results);
    }
}

Awaitable<void> echo(Channel<int>& questions, Channel<int>& answers, std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
        int value = co_await questions.async_receive(awaited);
        co_await answers.async_send(boost::system::error_code(), value, awaited);
    }
}
Awaitable<void> round_trips(std::size_t count) {
    Executor executor = co_await asio::this_coro::executor;
    Channel<int> questions(executor, 1);
    Channel<int> answers(executor, 1);
    asio::co_spawn(executor, echo(questions, answers, count), asio::detached);
    for (std::size_t done = 0; done < count; ++done) {
        co_await questions.async_send(boost::system::error_code(), 1, awaited);
        use(co_await answers.async_receive(awaited));
    }
}

Awaitable<void> produce(Channel<int>& queue, std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
        co_await queue.async_send(boost::system::error_code(), 1, awaited);
    }
}
Awaitable<void> queue_items(std::size_t count) {
    Executor executor = co_await asio::this_coro::executor;
    Channel<int> queue(executor, 64);
    asio::co_spawn(executor, produce(queue, count), asio::detached);
    for (std::size_t done = 0; done < count; ++done) use(co_await queue.async_receive(awaited));
}

Awaitable<void> wait_below(int levels, Timer& never) {
    if (levels > 0) {
        co_await wait_below(levels - 1, never);
    } else {
        co_await never.async_wait(awaited);
    }
}

void suspended_tasks(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    Timer never(context, Timer::time_point::max());
    // Its frames come from aligned_alloc.
    std::size_t before = mallinfo2().uordblks;
    for (std::size_t made = 0; made < count; ++made) {
        asio::co_spawn(context.get_executor(), wait_below(0, never), asio::detached);
    }
    context.poll();
    meter.set_bytes(static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(count));
    never.cancel();
    context.run();
}

template <int levels>
void cancels(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    Timer never(context, Timer::time_point::max());
    std::vector<asio::cancellation_signal> signals(count);
    for (asio::cancellation_signal& signal : signals) {
        asio::co_spawn(context.get_executor(), wait_below(levels, never),
                       asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    }
    context.poll();
    meter.start();
    for (asio::cancellation_signal& signal : signals) signal.emit(asio::cancellation_type::all);
    context.restart();
    context.run();
    meter.stop();
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

template <std::size_t pending>
void timer_cancel(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    Delays delays;
    std::vector<Timer> others;
    for (std::size_t made = 0; made < pending; ++made) {
        others.emplace_back(context.get_executor(), std::chrono::hours(1) + delays.next());
        others.back().async_wait([](boost::system::error_code) {});
    }
    Timer timer(context.get_executor());
    auto operations = [&](std::size_t wanted) {
        for (std::size_t done = 0; done < wanted; ++done) {
            timer.expires_after(std::chrono::hours(1) + delays.next());
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

// All are due when the loop looks.
void insert_and_fire(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    Delays delays(count);
    Clock::time_point past = Clock::now() - std::chrono::minutes(2);
    std::vector<Timer> timers;
    timers.reserve(count);
    for (std::size_t made = 0; made < count; ++made) timers.emplace_back(context.get_executor());
    auto operations = [&](std::size_t wanted) {
        for (std::size_t index = 0; index < wanted; ++index) {
            timers[index].expires_at(past + delays.next());
            timers[index].async_wait([](boost::system::error_code) {});
        }
        context.restart();
        context.run();
    };
    operations(count);
    meter.start();
    operations(count);
    meter.stop();
}

void posts(std::size_t count, Meter& meter) {
    asio::io_context context(1);
    auto work = asio::make_work_guard(context);
    std::size_t called = 0;
    // As many as may be under way at once.
    for (std::size_t done = 0; done < count; ++done) asio::post(context, [&called] { ++called; });
    context.poll();
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
    Latency measured(count);
    std::thread poster([&] {
        measured.post_each([&](Latency::Clock::time_point posted) {
            asio::post(context, [&measured, posted] { measured.arrived(posted); });
        });
        asio::post(context, [&context] { context.stop(); });
    });
    context.run();
    poster.join();
    meter.set_ns(measured.median_ns());
}

constexpr std::array rows{
    Row{"create_await", 1'000'000, in_a_task<create_and_await>},
    Row{"await_chain_1000", 1'000'000, in_a_task<chains>},
    Row{"fibonacci_25", calls_of_fibonacci_25 * 4, in_a_task<fibonaccis>},
    Row{"yield", 500'000, in_a_task<yields>},
    Row{"yield_10000_tasks", 500'000, in_a_task<many_yield>},
    Row{"create_task_join", 300'000, in_a_task<tasks_joined>},
    Row{"future_wakes_task", 300'000, in_a_task<future_wakes>},
    Row{"gather_1000", 300'000, in_a_task<gathers>},
    Row{"queue_round_trip", 200'000, in_a_task<round_trips>},
    Row{"queue_64_item", 500'000, in_a_task<queue_items>},
    Row{"suspended_task_bytes", 20'000, suspended_tasks},
    Row{"call_soon_reposting", 1'000'000, reposting},
    Row{"call_soon_batches_1000", 1'000'000, batches},
    Row{"timer_cancel", 500'000, timer_cancel<0>},
    Row{"timer_cancel_100000_pending", 500'000, timer_cancel<100'000>},
    Row{"call_later_cancel", 500'000, timer_cancel<0>},
    Row{"timer_insert_fire", 1'000'000, insert_and_fire},
    Row{"call_soon_threadsafe", 500'000, posts},
    Row{"thread_latency_p50", 5'000, latency},
    Row{"cancel_0_deep", 20'000, cancels<0>},
    Row{"cancel_4_deep", 20'000, cancels<4>},
    Row{"cancel_16_deep", 20'000, cancels<16>},
};

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_rows(argc, argv, bench::rows);
}
