// What another thread hands to the loop.
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace bench {

namespace {

using stepwise::EventLoop;
using Clock = std::chrono::steady_clock;

// The time that the posting thread takes, while the loop runs what it posts.
void posts(std::size_t count, Meter& meter) {
    EventLoop loop;
    std::size_t called = 0;
    std::thread poster([&] {
        meter.start();
        for (std::size_t done = 0; done < count; ++done) loop.call_soon_threadsafe([&called] { ++called; });
        meter.stop();
        loop.call_soon_threadsafe([&loop] { loop.stop(); });
    });
    loop.run_forever();
    poster.join();
    use(called);
}

// The median time from a post to its call in a loop that sleeps: the next post waits until the call before it was made.
void latency(std::size_t count, Meter& meter) {
    EventLoop loop;
    std::vector<std::chrono::nanoseconds> times;
    times.reserve(count);
    std::atomic<std::size_t> called = 0;
    std::thread poster([&] {
        for (std::size_t done = 0; done < count; ++done) {
            loop.call_soon_threadsafe([&, posted = Clock::now()] {
                times.push_back(Clock::now() - posted);
                called.fetch_add(1);
            });
            while (called.load() <= done) std::this_thread::yield();
            // So that the loop is asleep again.
            for (Clock::time_point until = Clock::now() + std::chrono::microseconds(50); Clock::now() < until;) {
            }
        }
        loop.call_soon_threadsafe([&loop] { loop.stop(); });
    });
    loop.run_forever();
    poster.join();
    auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    meter.set_ns(static_cast<double>(middle->count()));
}

constexpr std::array rows{
    Row{"call_soon_threadsafe", 1'000'000, posts},
    Row{"thread_latency_p50", 5'000, latency},
};

}  // namespace

std::span<const Row> thread_rows() {
    return rows;
}

}  // namespace bench
