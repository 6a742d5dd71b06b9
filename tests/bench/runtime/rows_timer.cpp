// Timers, on a clock that is set by hand: what counts is the queue, not the time.
#include <stepwise/tests/bench/runtime/delays.hpp>
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <array>
#include <optional>

namespace bench {

namespace {

using stepwise::Duration;
using stepwise::EventLoop;

struct TimerLoop {
    TimerLoop() {
        EventLoop::Options options;
        options.clock = &clock;
        loop.emplace(std::move(options));
    }
    stepwise::ManualClock clock;
    std::optional<EventLoop> loop;
    Delays delays;

    Duration next_delay() noexcept { return delays.next(); }
    // A timer that its owner embeds, as sleep and timeout do.
    void schedule_and_cancel(std::size_t count) {
        stepwise::Timer timer([](stepwise::Timer&) noexcept {});
        for (std::size_t done = 0; done < count; ++done) {
            loop->add_timer(timer, stepwise::TimePoint(next_delay()));
            loop->remove_timer(timer);
        }
    }
    void call_later_and_cancel(std::size_t count) {
        for (std::size_t done = 0; done < count; ++done) loop->call_later(next_delay(), [] {}).cancel();
    }
    void insert_and_fire(std::size_t count) {
        for (std::size_t done = 0; done < count; ++done) loop->call_later(next_delay(), [] {});
        clock.advance(std::chrono::minutes(1));
        loop->run_once(false);
        loop->run_once(false);
    }
};

template <void (TimerLoop::*operations)(std::size_t), std::size_t pending>
void with_pending(std::size_t count, Meter& meter) {
    TimerLoop timers;
    for (std::size_t made = 0; made < pending; ++made) timers.loop->call_later(timers.next_delay(), [] {});
    (timers.*operations)(warm_up_count);
    meter.start();
    (timers.*operations)(count);
    meter.stop();
}

void insert_and_fire(std::size_t count, Meter& meter) {
    TimerLoop timers;
    timers.delays = Delays(count);
    timers.insert_and_fire(count);
    meter.start();
    timers.insert_and_fire(count);
    meter.stop();
}

constexpr std::array rows{
    Row{"timer_cancel", 4'000'000, with_pending<&TimerLoop::schedule_and_cancel, 0>},
    Row{"timer_cancel_100000_pending", 2'000'000, with_pending<&TimerLoop::schedule_and_cancel, 100'000>},
    Row{"call_later_cancel", 4'000'000, with_pending<&TimerLoop::call_later_and_cancel, 0>},
    Row{"timer_insert_fire", 1'000'000, insert_and_fire},
};

}  // namespace

std::span<const Row> timer_rows() {
    return rows;
}

}  // namespace bench
