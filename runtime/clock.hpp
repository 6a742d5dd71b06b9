// The loop's idea of time. A test gives its loop a ManualClock: then nothing waits, and an hour costs nothing.
//
//     ManualClock clock(true);
//     EventLoop::Options options;
//     options.clock = &clock;
//     run(sleep_for_an_hour(), options);   // at once
//
// `now` counts from an arbitrary start and never goes back (CLOCK_MONOTONIC; clock_gettime(2)).
#pragma once

#include <stepwise/runtime/timer_queue.hpp>

#include <chrono>

namespace stepwise {

class Clock {
public:
    virtual ~Clock() = default;
    virtual TimePoint now() noexcept = 0;
    // How long the loop may block until `due`, in nanoseconds.
    virtual Duration wait_for(TimePoint due) noexcept = 0;
    // The loop has nothing to run and nothing in flight, and its next timer is due at `due`.
    virtual void idle_until(TimePoint due) noexcept = 0;
    // The time of day, for people and for Date fields: it may go back.
    virtual std::chrono::system_clock::time_point wall_time() noexcept { return std::chrono::system_clock::now(); }
};

class SteadyClock final : public Clock {
public:
    TimePoint now() noexcept override { return std::chrono::steady_clock::now(); }
    Duration wait_for(TimePoint due) noexcept override {
        TimePoint present = now();
        return due > present ? due - present : Duration::zero();
    }
    void idle_until(TimePoint) noexcept override {}
};

// Moves when it is told to: by `advance`, and, if `jumps`, to the next timer whenever the loop would otherwise only
// wait.
class ManualClock final : public Clock {
public:
    explicit ManualClock(bool jumps = false) noexcept : jumps_(jumps) {}

    void advance(Duration by) noexcept { now_ += by; }

    TimePoint now() noexcept override { return now_; }
    Duration wait_for(TimePoint) noexcept override { return Duration::zero(); }
    void idle_until(TimePoint due) noexcept override {
        if (jumps_ && due > now_) now_ = due;
    }

private:
    TimePoint now_{};
    bool jumps_;
};

}  // namespace stepwise
