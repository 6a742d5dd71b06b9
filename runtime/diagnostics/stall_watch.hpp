// A thread that looks, a hundred times a second, whether the loop's thread has been in one handle for too long, and has
// its stack sampled then: by a signal, on that thread, while the stall lasts.
//
// begin and end are for the loop's thread and cost one store each. One sample a handle.
#pragma once

#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/timer_queue.hpp>

#include <pthread.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <thread>

namespace stepwise {

class TaskBase;

namespace detail {

class StallWatch {
public:
    // `who` tells, in the signal's handler, which task runs, or nullptr, and retains it for who asks for the sample.
    // `told` hears on the watching thread of a stall that has lasted for two seconds and still does.
    using Who = TaskBase* (*)(void* context);
    struct Sample {
        std::size_t depth = 0;
        TaskBase* task = nullptr;
        std::array<void*, stack_frames_max> frames;
        std::span<void* const> stack() const noexcept { return {frames.data(), depth}; }
    };
    using StillStalls = std::function<void(const Sample&)>;

    StallWatch(Duration limit, Who who, void* context, StillStalls still_stalls);
    StallWatch(const StallWatch&) = delete;
    StallWatch& operator=(const StallWatch&) = delete;
    ~StallWatch();

    void begin(TimePoint now) noexcept {
        thread_.store(::pthread_self(), std::memory_order_relaxed);
        on_this_thread = this;
        state_.store(State::running, std::memory_order_relaxed);
        began_.store(now.time_since_epoch().count(), std::memory_order_release);
    }
    // The sample that was taken since begin, or nullptr.
    const Sample* end() noexcept;

private:
    enum class State : int { running, asked, taking, taken };

    void watch() noexcept;
    void ask() noexcept;
    static void on_signal(int) noexcept;

    static thread_local constinit StallWatch* on_this_thread;

    Duration limit_;
    Who who_;
    void* context_;
    StillStalls still_stalls_;
    std::atomic<pthread_t> thread_{};
    std::atomic<std::int64_t> began_ = 0;  // nanoseconds; 0: no handle runs
    std::atomic<State> state_ = State::running;
    Sample sample_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    bool stop_ = false;
    bool has_signal_;
    std::thread thread_of_watch_;
};

}  // namespace detail

}  // namespace stepwise
