// timeout: runs a Coro, and cancels it when the time is up. timeout_at: at a time of the loop's clock, so that several
// share one deadline.
//
//     std::string page = co_await timeout(2s, fetch_page());
//     TimePoint due = loop.time_after(2s);
//     co_await timeout_at(due, first_half());
//     co_await timeout_at(due, second_half());
//
// The body runs as a child frame of the same task, so nothing is spawned. When the time is up the task is asked to
// cancel; if the body ends with that CancelledError it becomes TimeoutError here, and if it still returns a result,
// that is the result. A cancellation from outside passes through unchanged. Nested timeouts each take back only their
// own request.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

#include <cstdint>
#include <new>
#include <utility>

namespace stepwise {

template <class T>
class [[nodiscard]] Timeout : public Timer {
public:
    // What becomes of it where there is no memory for a timer.
    enum class WithoutMemory : std::uint8_t { bad_alloc, no_limit };

    Timeout(Duration limit, Coro<T> body, WithoutMemory without_memory = WithoutMemory::bad_alloc) noexcept
        : Timer(&Timeout::time_is_up), limit_(limit), body_(std::move(body)), without_memory_(without_memory) {}
    Timeout(TimePoint due, Coro<T> body) noexcept : Timer(&Timeout::time_is_up), due_(due), body_(std::move(body)) {}
    ~Timeout() { disarm(); }

    bool await_ready() const noexcept { return false; }
    // Resumed by the trampoline when the body returns.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        body_.check_unstarted();
        task_ = frame.promise().task;
        scope_ = task_->innermost_shield();
        TimePoint due = due_ ? *due_ : loop().time_after(limit_);
        if (due != TimePoint::max()) arm(due);
        body_.start_in(*task_, frame.promise(), where);
    }
    T await_resume() {
        disarm();
        bool ours = fired_ && task_->uncancel() == 0;
        try {
            return body_.await_resume();
        } catch (const CancelledError&) {
            if (!ours) throw;
        }
        throw TimeoutError("timeout: the time that was given is up");
    }

private:
    EventLoop& loop() const noexcept { return static_cast<EventLoop&>(task_->task_scheduler()); }
    void arm(TimePoint due) {
        try {
            loop().add_timer(*this, due);
        } catch (const std::bad_alloc&) {
            if (without_memory_ == WithoutMemory::bad_alloc) throw;
        }
    }
    void disarm() noexcept {
        if (armed()) loop().remove_timer(*this);
    }
    static void time_is_up(Timer& timer) noexcept {
        auto& self = static_cast<Timeout&>(timer);
        self.fired_ = true;
        self.task_->request_cancel({}, self.scope_);
    }

    Duration limit_{};
    std::optional<TimePoint> due_;
    Coro<T> body_;
    const CancelShield* scope_ = nullptr;
    TaskBase* task_ = nullptr;
    bool fired_ = false;
    WithoutMemory without_memory_ = WithoutMemory::bad_alloc;
};

// Throws TimeoutError when `limit` has passed first, else what the body throws. A limit of zero or less lets the body
// run up to its first wait. Cancel-safe as its body is; no timer is left.
template <class T>
Timeout<T> timeout(Duration limit, Coro<T> body) noexcept {
    return Timeout<T>(limit, std::move(body));
}

// The same, when the loop's clock reaches `due` first.
template <class T>
Timeout<T> timeout_at(TimePoint due, Coro<T> body) noexcept {
    return Timeout<T>(due, std::move(body));
}

}  // namespace stepwise
