// A loop's debug mode: measures every handle and every turn, and has a thread that samples the loop's stack while one
// keeps it too long.
//
// The sample is taken by a signal (SIGURG) on the loop's own thread, so that it shows where the program stands, not
// where it ended. The loop's thread but for the watching one.
#pragma once

#include <stepwise/runtime/diagnostics/await_chain.hpp>
#include <stepwise/runtime/diagnostics/stall_watch.hpp>
#include <stepwise/runtime/ready_queue.hpp>
#include <stepwise/runtime/timer_queue.hpp>

#include <cstdint>

namespace stepwise {

class EventLoop;

namespace detail {

class DebugMode {
public:
    DebugMode(EventLoop& loop, Duration step_max, Duration turn_max);
    DebugMode(const DebugMode&) = delete;
    DebugMode& operator=(const DebugMode&) = delete;
    ~DebugMode();

    // nullptr: the loop is in no debug mode.
    static DebugMode* of(EventLoop& loop) noexcept;
    AwaitChains& await_chains() noexcept { return await_chains_; }

    // SIGUSR1 prints the tasks, if nobody else handles it: those of all loops that are in debug mode. One of them has
    // the signal, and hands it on when it ends.
    void begin_dumps();
    void end_dumps() noexcept;
    bool has_dump_signal() const noexcept { return has_dump_signal_; }
    // The program handles it from here on.
    void signal_taken(int number) noexcept;

    // One turn's handles.
    void run_watched(ReadyNode* node) noexcept;
    Duration since(std::uint32_t turn_ms) const noexcept;

private:
    void take_dump_signal();
    void dump_all();
    void report_step(Duration lasted, const StallWatch::Sample* sample) noexcept;
    void report_turn(Duration lasted, int handles) noexcept;
    std::uint32_t milliseconds() const noexcept;

    EventLoop& loop_;
    Duration step_max_;
    Duration turn_max_;
    TimePoint began_;
    bool has_dump_signal_ = false;
    AwaitChains await_chains_;
    StallWatch watch_;
};

}  // namespace detail

}  // namespace stepwise
