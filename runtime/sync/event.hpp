// Event: a flag that tasks can wait for. set() lets all who wait go on, and all who come until clear().
//
//     co_await event.wait();   // in one task
//     event.set();             // in another
//
// It must outlive those who wait. The loop's thread; from another one: call_soon_threadsafe.
#pragma once

#include <stepwise/runtime/sync/wait_list.hpp>

namespace stepwise {

class Event {
public:
    bool is_set() const noexcept { return set_; }
    // Who waits now goes on, also if clear() follows at once. On another thread than theirs: std::logic_error.
    void set() {
        waiting_.check_thread("Event::set");
        set_ = true;
        waiting_.grant_all();
    }
    void clear() noexcept { set_ = false; }

    // Cancel-safe.
    class Wait;
    Wait wait() noexcept;

private:
    bool set_ = false;
    detail::WaitList waiting_;
};

class [[nodiscard]] Event::Wait : public detail::ListWaiter {
public:
    explicit Wait(Event& event) noexcept : ListWaiter(kind), event_(event) {}

    // Resumed by the task's step, which set() queues.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) noexcept {
        if (cancelled_before(*frame.promise().task)) return false;
        return event_.set_ ? granted_at_once() : wait_in(event_.waiting_, where);
    }
    void await_resume() const { check(); }

private:
    static void describe(const Suspension&, WaitDescription& description) {
        describe_wait(description, "an Event to be set");
    }
    static constexpr WaitKind kind{&Wait::leave, &Wait::describe, nullptr, "event"};

    Event& event_;
};

inline Event::Wait Event::wait() noexcept {
    return Wait(*this);
}

}  // namespace stepwise
