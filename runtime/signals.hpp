// Signals as calls on the loop. Nothing is taken that was not asked for, and what was there before comes back.
//
// The handler that the kernel runs only sets a flag and wakes the loop (signal-safety(7)). One loop owns a signal at a
// time, for the whole process. Deliveries that come before the loop looks are one call. The loop's thread.
#pragma once

#include <functional>
#include <map>

#include <signal.h>

namespace stepwise {

class EventLoop;

class SignalHandlers {
public:
    explicit SignalHandlers(EventLoop& loop) noexcept : loop_(loop) {}
    SignalHandlers(const SignalHandlers&) = delete;
    SignalHandlers& operator=(const SignalHandlers&) = delete;
    ~SignalHandlers() { clear(); }

    // Replaces this loop's own. std::logic_error if another loop has it, std::system_error for a signal that cannot be
    // caught (sigaction(2)).
    void add(int signal_number, std::function<void()> callback);
    // False if there was none.
    bool remove(int signal_number) noexcept;
    // Removes all. False if there was none.
    bool clear() noexcept;
    std::size_t size() const noexcept { return registrations_.size(); }
    // Queues a call for each signal that came.
    void deliver();

private:
    struct Registration {
        std::function<void()> callback;
        struct sigaction before;
    };

    void call(int signal_number);

    EventLoop& loop_;
    std::map<int, Registration> registrations_;
};

}  // namespace stepwise
