// sleep: suspends the task for a time of the loop's clock. `co_await sleep(0s)` lets everything that is ready run
// first.
//
//     co_await sleep(100ms);
//
// An awaiter, not a coroutine: it needs no frame, and its timer node lives in the sleeper's. Cancel-safe: a cancelled
// sleep ends at once with CancelledError and leaves nothing behind.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

namespace stepwise {

class [[nodiscard]] Sleep : public Suspension, public Timer {
public:
    explicit Sleep(Duration duration) noexcept : Suspension(kind), Timer(&Sleep::wake_up), duration_(duration) {}
    ~Sleep() {
        if (armed()) loop().remove_timer(*this);
    }

    bool await_ready() const noexcept { return false; }
    // Resumed by the task's step, which the timer queues.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        return start(*frame.promise().task, where);
    }
    void await_resume() const {
        if (interrupted_) task_->throw_cancelled();
    }

private:
    bool start(TaskBase& task, std::source_location where) {
        task_ = &task;
        interrupted_ = task.cancel_pending();
        if (interrupted_) return false;
        if (duration_ > Duration::zero()) {
            loop().add_timer(*this, loop().time_after(duration_));
            task.suspend(*this, where);
        } else {
            task.yield(*this, where);
        }
        return true;
    }
    EventLoop& loop() const noexcept { return static_cast<EventLoop&>(task_->task_scheduler()); }
    static void cancel_sleep(Suspension& suspension) noexcept {
        auto& self = static_cast<Sleep&>(suspension);
        self.interrupted_ = true;
        self.loop().remove_timer(self);
        self.task_->wakeup();
    }
    static void describe(const Suspension& suspension, WaitDescription& description);
    static void wake_up(Timer& timer) noexcept { static_cast<Sleep&>(timer).task_->wakeup(); }

    static constexpr WaitKind kind{&Sleep::cancel_sleep, &Sleep::describe, nullptr, "sleep"};

    Duration duration_;
    TaskBase* task_ = nullptr;
    bool interrupted_ = false;
};

// Inside a task. For at least `duration` of the loop's clock, in nanoseconds; a negative one is zero.
inline Sleep sleep(Duration duration) noexcept {
    return Sleep(duration);
}

}  // namespace stepwise
