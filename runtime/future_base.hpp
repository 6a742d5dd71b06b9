// What every future has, whatever its type: a state that leaves `pending` once, and those who wait for that.
//
// Reference-counted without atomics, for one thread (law 4). Waiters are intrusive and belong to whoever waits; they
// are told in the order in which they came, and may do no more than enqueue: nobody is resumed by a completer (law 2).
#pragma once

#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/frame_pool.hpp>
#include <stepwise/runtime/scheduler.hpp>
#include <stepwise/runtime/suspension.hpp>

#include <cassert>
#include <cstdint>
#include <exception>
#include <source_location>
#include <utility>

namespace stepwise {

class CancelShield;

class FutureBase : public frame_pool::Pooled {
public:
    enum class State : std::uint8_t { pending, result, exception, cancelled };

    FutureBase(const FutureBase&) = delete;
    FutureBase& operator=(const FutureBase&) = delete;

    State state() const noexcept { return state_; }
    bool done() const noexcept { return state_ != State::pending; }
    bool cancelled() const noexcept { return state_ == State::cancelled; }
    Scheduler& scheduler() const noexcept { return *scheduler_; }
    // Where in the program create_future or create_task was called.
    const std::source_location& made_at() const noexcept { return made_at_; }

    // A plain future becomes cancelled now; a Task is asked to stop. False if it was done already.
    bool cancel();

    // Throws std::logic_error on a foreign thread and for a task, whose result its coroutine makes; InvalidStateError
    // when done.
    void check_settable() const {
        scheduler_->check_thread("Future::set_result");
        if (state_ != State::pending || is_task_) [[unlikely]]
            throw_not_settable();
    }
    void set_exception(std::exception_ptr error);
    // The exception, or nullptr for a result. Throws InvalidStateError while pending, CancelledError if cancelled.
    std::exception_ptr exception() const;
    // What whoever asks for the result of a cancelled one is thrown: a task's has its reason.
    CancelledError cancelled_error() const;
    // Throws unless there is a result: InvalidStateError, CancelledError, or the exception that was set.
    void check_result() const {
        if (state_ != State::result) [[unlikely]]
            throw_no_result();
    }

    void add_waiter(Waiter& waiter) noexcept {
        if (last_waiter_ == nullptr) return add_first_waiter(waiter);
        assert(!waiter.linked() && !done());
        Waiter* last = std::exchange(last_waiter_, &waiter);
        waiter.next = std::exchange(last->next, &waiter);
        waiter.previous = last;
        waiter.next->previous = &waiter;
    }
    // Of a future that nobody else waits for, as of one that was made just now.
    void add_first_waiter(Waiter& waiter) noexcept {
        assert(!waiter.linked() && !done() && last_waiter_ == nullptr);
        last_waiter_ = waiter.next = waiter.previous = &waiter;
    }
    void remove_waiter(Waiter& waiter) noexcept {
        if (waiter.linked()) unlink(waiter);
    }

    void retain() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) destroy_(*this);
    }
    bool is_task() const noexcept { return is_task_; }
    // This future as the Task that it is, or nullptr.
    inline TaskBase* as_task() noexcept;
    inline const TaskBase* as_task() const noexcept;
    bool sole_owner() const noexcept { return references_ == 1; }

protected:
    // Ends the heir, whose type it knows: a virtual destructor would set the table of virtual functions four times.
    using Destroy = void (*)(FutureBase&) noexcept;

    FutureBase(Scheduler& scheduler, Destroy destroy, std::source_location made_at, bool is_task = false) noexcept
        : destroy_(destroy), scheduler_(&scheduler), error_(), made_at_(made_at), is_task_(is_task) {
        if (!is_task && scheduler.tracer() != nullptr) [[unlikely]]
            tell_made();
    }
    // Behind ends_plainly() or end_rest().
    ~FutureBase() {}

    // It has a result, which is what most have at their end, and nobody follows it: nothing is left but its memory.
    bool ends_plainly() const noexcept { return state_ == State::result && !traced_; }
    void end_rest() noexcept;
    void set_traced() noexcept { traced_ = true; }

    // It ended with an exception that nobody has looked at.
    bool unretrieved() const noexcept { return state_ == State::exception && !retrieved_; }
    void report_unretrieved(const std::string& who) noexcept;
    void finish(State state) noexcept {
        state_ = state;
        if (scheduler_->tracer() != nullptr) [[unlikely]]
            return finish_traced();
        Waiter* last = last_waiter_;
        if (last == nullptr) return;
        if (last->next != last) return tell_waiters(this);
        last_waiter_ = nullptr;
        last->next = last->previous = nullptr;
        last->wait_kind->told(*last, this);
    }

private:
    friend class TaskBase;
    friend class CancelShield;

    [[noreturn]] void throw_no_result() const;
    void retrieve() const noexcept;
    [[noreturn]] void throw_not_settable() const;
    void tell_made() noexcept;
    void finish_traced() noexcept;
    void unlink(Waiter& waiter) noexcept;
    void tell_waiters(FutureBase* done) noexcept;

    Destroy destroy_;
    Scheduler* scheduler_;
    Waiter* last_waiter_ = nullptr;  // circular: its next is the first
    // Of a task that runs: what a frame ended with, on its way to the frame that awaits it. Ended by end_rest(): beside
    // a result there is none.
    union {
        std::exception_ptr error_;
    };
    std::source_location made_at_;
    std::uint32_t references_ = 0;
    State state_ = State::pending;
    bool is_task_ : 1;
    bool traced_ : 1 = false;  // a tracer was told of it
    mutable bool retrieved_ : 1 = false;
    // Of a task; here, where there is room for them.
    enum class FrameEnd : std::uint8_t { returned, failed, cancelled };
    FrameEnd frame_end_ : 2 = FrameEnd::returned;  // with the others a byte, which is set at once
    bool started_ : 1 = false;
    bool cancel_thrown_ : 1 = false;  // since the last request that was taken back
    bool swallow_reported_ : 1 = false;
    std::int16_t cancelling_ = 0;
};

}  // namespace stepwise
