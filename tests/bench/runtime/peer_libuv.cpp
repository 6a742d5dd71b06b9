// The rows that libuv has. Its timers count milliseconds of the loop's own time, which a run of the loop moves.
#include <stepwise/tests/bench/runtime/bench.hpp>
#include <stepwise/tests/bench/runtime/delays.hpp>
#include <stepwise/tests/bench/runtime/latency.hpp>

#include <uv.h>
#include <array>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

namespace {

struct Loop {
    Loop() { uv_loop_init(&loop); }
    ~Loop() {
        uv_run(&loop, UV_RUN_DEFAULT);
        uv_loop_close(&loop);
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    uv_loop_t loop;
};

void no_call(uv_timer_t*) {}

std::uint64_t milliseconds(std::chrono::nanoseconds delay) {
    return static_cast<std::uint64_t>(delay.count()) / 1'000'000 + 1;
}

void insert_and_fire(std::size_t count, Meter& meter) {
    Loop owner;
    Delays delays(count);
    std::deque<uv_timer_t> timers(count);
    for (uv_timer_t& timer : timers) uv_timer_init(&owner.loop, &timer);
    auto operations = [&] {
        // They count from two minutes ago: all are due when the loop looks.
        owner.loop.time -= 120'000;
        for (uv_timer_t& timer : timers) uv_timer_start(&timer, no_call, milliseconds(delays.next()), 0);
        uv_run(&owner.loop, UV_RUN_DEFAULT);
    };
    operations();
    meter.start();
    operations();
    meter.stop();
}

struct Repost {
    uv_idle_t idle{};
    std::size_t left = 0;
};

// An idle handle is called once in a turn of the loop.
void reposting(std::size_t count, Meter& meter) {
    Loop owner;
    Repost repost;
    uv_idle_init(&owner.loop, &repost.idle);
    repost.idle.data = &repost;
    auto operations = [&](std::size_t wanted) {
        repost.left = wanted;
        uv_idle_start(&repost.idle, [](uv_idle_t* idle) {
            if (--static_cast<Repost*>(idle->data)->left == 0) uv_idle_stop(idle);
        });
        uv_run(&owner.loop, UV_RUN_DEFAULT);
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
}

// A call of whatever: the function and its argument in a handle that is used again.
struct Call {
    uv_idle_t idle{};
    void (*function)(void*) = nullptr;
    void* argument = nullptr;
    Call* next_free = nullptr;
};

class Calls {
public:
    explicit Calls(uv_loop_t& loop) : loop_(loop) {}

    void soon(void (*function)(void*), void* argument) {
        if (free_ == nullptr) grow();
        Call& call = *std::exchange(free_, free_->next_free);
        call.function = function;
        call.argument = argument;
        uv_idle_start(&call.idle, run);
    }

private:
    static void run(uv_idle_t* idle) {
        auto& calls = *static_cast<Calls*>(idle->data);
        auto& call = *reinterpret_cast<Call*>(idle);
        uv_idle_stop(idle);
        call.next_free = std::exchange(calls.free_, &call);
        call.function(call.argument);
    }
    void grow() {
        free_ = &calls_.emplace_back();
        uv_idle_init(&loop_, &free_->idle);
        free_->idle.data = this;
    }

    uv_loop_t& loop_;
    std::deque<Call> calls_;
    Call* free_ = nullptr;
};

void batches(std::size_t count, Meter& meter) {
    Loop owner;
    Calls calls(owner.loop);
    std::size_t called = 0;
    auto operations = [&](std::size_t wanted) {
        for (std::size_t done = 0; done < wanted; done += 1000) {
            for (int index = 0; index < 1000; ++index) {
                calls.soon([](void* counter) { ++*static_cast<std::size_t*>(counter); }, &called);
            }
            uv_run(&owner.loop, UV_RUN_NOWAIT);
        }
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
    use(called);
}

// What a program has to write for itself: libuv's only door coalesces.
struct Posts {
    std::mutex mutex;
    std::vector<std::function<void()>> waiting;
    std::vector<std::function<void()>> running;

    void post(uv_async_t& door, std::function<void()> function) {
        {
            std::lock_guard lock(mutex);
            waiting.push_back(std::move(function));
        }
        uv_async_send(&door);
    }
    void run() {
        {
            std::lock_guard lock(mutex);
            running.swap(waiting);
        }
        for (auto& function : running) function();
        running.clear();
    }
};

void posts(std::size_t count, Meter& meter) {
    Loop owner;
    Posts posted;
    uv_async_t door;
    door.data = &posted;
    uv_async_init(&owner.loop, &door, [](uv_async_t* async) { static_cast<Posts*>(async->data)->run(); });
    std::size_t called = 0;
    // As many as may be under way at once, into each of the two vectors.
    for (int vector = 0; vector < 2; ++vector) {
        for (std::size_t done = 0; done < count; ++done) posted.post(door, [&called] { ++called; });
        uv_run(&owner.loop, UV_RUN_NOWAIT);
    }
    called = 0;
    std::thread poster([&] {
        meter.start();
        for (std::size_t done = 0; done < count; ++done) posted.post(door, [&called] { ++called; });
        meter.stop();
    });
    while (called < count) uv_run(&owner.loop, UV_RUN_ONCE);
    poster.join();
    uv_close(reinterpret_cast<uv_handle_t*>(&door), nullptr);
}

template <std::size_t pending>
void timer_cancel(std::size_t count, Meter& meter) {
    Loop owner;
    std::deque<uv_timer_t> others(pending);
    Delays delays;
    auto next_delay = [&delays] { return milliseconds(delays.next()); };
    for (uv_timer_t& other : others) {
        uv_timer_init(&owner.loop, &other);
        uv_timer_start(&other, no_call, next_delay(), 0);
    }
    uv_timer_t timer;
    uv_timer_init(&owner.loop, &timer);
    auto operations = [&](std::size_t wanted) {
        for (std::size_t done = 0; done < wanted; ++done) {
            uv_timer_start(&timer, no_call, next_delay(), 0);
            uv_timer_stop(&timer);
        }
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
    for (uv_timer_t& other : others) uv_timer_stop(&other);
}

struct Posted {
    explicit Posted(std::size_t count) : measured(count) {}
    Latency measured;
    Latency::Clock::time_point at;
};

void latency(std::size_t count, Meter& meter) {
    Loop owner;
    Posted posted(count);
    uv_async_t door;
    door.data = &posted;
    uv_async_init(&owner.loop, &door, [](uv_async_t* async) {
        auto& arrived = *static_cast<Posted*>(async->data);
        arrived.measured.arrived(arrived.at);
    });
    std::thread poster([&] {
        posted.measured.post_each([&](Latency::Clock::time_point now) {
            posted.at = now;
            uv_async_send(&door);
        });
    });
    while (!posted.measured.complete()) uv_run(&owner.loop, UV_RUN_ONCE);
    poster.join();
    uv_close(reinterpret_cast<uv_handle_t*>(&door), nullptr);
    meter.set_ns(posted.measured.median_ns());
}

constexpr std::array rows{
    Row{"call_soon_reposting", 500'000, reposting},
    Row{"call_soon_batches_1000", 2'000'000, batches},
    Row{"timer_cancel", 4'000'000, timer_cancel<0>},
    Row{"timer_cancel_100000_pending", 2'000'000, timer_cancel<100'000>},
    Row{"timer_insert_fire", 1'000'000, insert_and_fire},
    Row{"call_soon_threadsafe", 1'000'000, posts},
    Row{"thread_latency_p50", 5'000, latency},
};

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_rows(argc, argv, bench::rows);
}
