// What every future has, whatever its type: a state that leaves `pending` once, and those who wait for that.
//
// Reference-counted without atomics, for one thread (law 4). Waiters are intrusive and belong to whoever waits; they
// are told in the order in which they came, and may do no more than enqueue: nobody is resumed by a completer (law 2).
#pragma once

#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/frame_pool.hpp>
#include <stepwise/runtime/scheduler.hpp>

#include <cassert>
#include <cstdint>
#include <exception>

namespace stepwise {

class FutureBase;

// One who waits for a future. Unlinked by the future when it is told, or by remove_waiter.
struct Waiter {
    // The future is done; or nullptr: it was dropped while pending, and with it all that could finish it.
    using Told = void (*)(Waiter&, FutureBase*) noexcept;

    explicit Waiter(Told on_told) noexcept : told(on_told) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    bool linked() const noexcept { return next != nullptr; }

    Waiter* next = nullptr;
    Waiter* previous = nullptr;
    Told told;
};

class FutureBase : public frame_pool::Pooled {
public:
    enum class State : std::uint8_t { pending, result, exception, cancelled };

    FutureBase(const FutureBase&) = delete;
    FutureBase& operator=(const FutureBase&) = delete;

    State state() const noexcept { return state_; }
    bool done() const noexcept { return state_ != State::pending; }
    bool cancelled() const noexcept { return state_ == State::cancelled; }
    Scheduler& scheduler() const noexcept { return *scheduler_; }

    // A plain future becomes cancelled now; a Task is asked to stop. False if it was done already.
    virtual bool cancel();

    void set_exception(std::exception_ptr error);
    // The exception, or nullptr for a result. Throws InvalidStateError while pending, CancelledError if cancelled.
    std::exception_ptr exception() const;
    // Throws unless there is a result: InvalidStateError, CancelledError, or the exception that was set.
    void check_result() const;

    void add_waiter(Waiter& waiter) noexcept;
    void remove_waiter(Waiter& waiter) noexcept;

    void retain() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) delete this;
    }
    // Throws CancelledError, with a task's reason.
    [[noreturn]] virtual void throw_cancellation() const;
    // This future as the Task that it is, or nullptr.
    virtual TaskBase* as_task() noexcept { return nullptr; }
    bool sole_owner() const noexcept { return references_ == 1; }

protected:
    explicit FutureBase(Scheduler& scheduler) noexcept : scheduler_(&scheduler) {}
    virtual ~FutureBase();

    // Throws InvalidStateError when done, std::logic_error on a foreign thread.
    void check_pending() const;
    void finish(State state) noexcept;
    void finish_with_exception(std::exception_ptr error) noexcept;
    void tell_waiters(FutureBase* done) noexcept;

private:
    Scheduler* scheduler_;
    Waiter* last_waiter_ = nullptr;  // circular: its next is the first
    std::exception_ptr error_;
    std::uint32_t references_ = 0;
    State state_ = State::pending;
    mutable bool retrieved_ = false;
};

}  // namespace stepwise
