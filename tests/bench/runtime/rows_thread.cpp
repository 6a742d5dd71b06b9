// What another thread hands to the loop.
#include <stepwise/tests/bench/runtime/latency.hpp>
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <array>
#include <thread>

namespace bench {

namespace {

using stepwise::EventLoop;

// The time that the posting thread takes, while the loop runs what it posts.
void posts(std::size_t count, Meter& meter) {
    EventLoop loop;
    std::size_t called = 0;
    // As many as may be under way at once.
    for (std::size_t done = 0; done < count; ++done) loop.call_soon_threadsafe([&called] { ++called; });
    loop.run_once(false);
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

void latency(std::size_t count, Meter& meter) {
    EventLoop loop;
    Latency measured(count);
    std::thread poster([&] {
        measured.post_each([&](Latency::Clock::time_point posted) {
            loop.call_soon_threadsafe([&measured, posted] { measured.arrived(posted); });
        });
        loop.call_soon_threadsafe([&loop] { loop.stop(); });
    });
    loop.run_forever();
    poster.join();
    meter.set_ns(measured.median_ns());
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
