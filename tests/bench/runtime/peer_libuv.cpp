// The rows that libuv has. Its timers are on the loop's own time, which a run of the loop moves: a timer that is to
// fire within a row is due at once.
#include <stepwise/tests/bench/runtime/bench.hpp>

#include <uv.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

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

template <std::size_t pending>
void timer_cancel(std::size_t count, Meter& meter) {
    Loop owner;
    std::deque<uv_timer_t> others(pending);
    std::uint64_t random = 1;
    auto next_delay = [&random] {
        random = (random * 1664525 + 1013904223) & 0xffffffff;
        return 1 + random % 60'000;
    };
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
    std::atomic<std::size_t> called = 0;
    Clock::time_point posted_at;
    std::vector<std::chrono::nanoseconds> times;
};

void latency(std::size_t count, Meter& meter) {
    Loop owner;
    Posted posted;
    uv_async_t door;
    door.data = &posted;
    uv_async_init(&owner.loop, &door, [](uv_async_t* async) {
        auto& arrived = *static_cast<Posted*>(async->data);
        arrived.times.push_back(Clock::now() - arrived.posted_at);
        arrived.called.fetch_add(1);
    });
    std::thread poster([&] {
        for (std::size_t done = 0; done < count; ++done) {
            posted.posted_at = Clock::now();
            uv_async_send(&door);
            while (posted.called.load() <= done) std::this_thread::yield();
            for (Clock::time_point until = Clock::now() + std::chrono::microseconds(50); Clock::now() < until;) {
            }
        }
    });
    while (posted.called.load() < count) uv_run(&owner.loop, UV_RUN_ONCE);
    poster.join();
    uv_close(reinterpret_cast<uv_handle_t*>(&door), nullptr);
    auto middle = posted.times.begin() + static_cast<std::ptrdiff_t>(posted.times.size() / 2);
    std::nth_element(posted.times.begin(), middle, posted.times.end());
    meter.set_ns(static_cast<double>(middle->count()));
}

constexpr std::array rows{
    Row{"timer_cancel", 4'000'000, timer_cancel<0>},
    Row{"timer_cancel_100000_pending", 2'000'000, timer_cancel<100'000>},
    Row{"thread_latency_p50", 5'000, latency},
};

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_rows(argc, argv, bench::rows);
}
