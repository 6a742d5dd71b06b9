#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/future_base.hpp>
#include <stepwise/runtime/task_base.hpp>

#include <fmt/format.h>

#include <new>
#include <utility>

namespace stepwise {

void FutureBase::tell_made() noexcept {
    set_traced();
    trace::future_made(*scheduler_->tracer(), *this);
}

// A task has told of its own exception by now, with its name.
void FutureBase::end_rest() noexcept {
    if (last_waiter_ != nullptr) tell_waiters(nullptr);
    if (unretrieved()) report_unretrieved("a future");
    if (traced_) trace::future_dropped(scheduler_, *this);
    error_.~exception_ptr();
}

void FutureBase::report_unretrieved(const std::string& who) noexcept {
    retrieved_ = true;
    std::string where;
    try {
        const std::string made = stepwise::made_at(made_at_);
        where =
            fmt::format("{}{} ended with an exception that nobody retrieved (cure: co_await it, or ask for its result)",
                        who, made.empty() ? made : ", " + made + ",");
    } catch (const std::bad_alloc&) {  // then there is who it was, and the exception
    }
    Scheduler::report_lost(std::move(error_), where.empty() ? who : where);
}

void FutureBase::finish_traced() noexcept {
    trace::Tracer& tracer = *scheduler_->tracer();
    trace::future_done(tracer, *this);
    trace::Caused by_this(tracer);
    if (last_waiter_ != nullptr) tell_waiters(this);
}

bool FutureBase::cancel() {
    if (is_task_) return static_cast<TaskBase*>(this)->request_cancel();
    scheduler_->check_thread("Future::cancel");
    if (done()) return false;
    finish(State::cancelled);
    return true;
}

void FutureBase::set_exception(std::exception_ptr error) {
    check_settable();
    if (error == nullptr) throw std::invalid_argument("Future::set_exception needs an exception, got nullptr");
    error_ = std::move(error);
    finish(State::exception);
}

std::exception_ptr FutureBase::exception() const {
    if (state_ == State::result) return nullptr;
    if (state_ != State::exception) throw_no_result();
    retrieve();
    return error_;
}

void FutureBase::retrieve() const noexcept {
    if (!retrieved_ && trace::any()) trace::future_retrieved(*this);
    retrieved_ = true;
}

void FutureBase::throw_no_result() const {
    if (state_ == State::pending) throw InvalidStateError("Future::result: the future is still pending");
    if (state_ == State::exception) {
        retrieve();
        std::rethrow_exception(error_);
    }
    throw cancelled_error();
}

CancelledError FutureBase::cancelled_error() const {
    const TaskBase* task = as_task();
    return task == nullptr ? CancelledError() : CancelledError(task->cancel_reason());
}

void FutureBase::throw_not_settable() const {
    if (is_task_) {
        throw std::logic_error(
            "Future::set_result: this future is a Task, whose result its coroutine makes: cancel() it, or "
            "give the coroutine a Future of its own to wait for");
    }
    throw InvalidStateError("Future::set_result: the future is done already, and a state is irreversible");
}

void FutureBase::tell_waiters(FutureBase* done) noexcept {
    Waiter* last = std::exchange(last_waiter_, nullptr);
    Waiter* waiter = std::exchange(last->next, nullptr);
    // As a chain that ends with `last`: to be told may be the waiter's end.
    while (waiter != nullptr) {
        Waiter* next = waiter == last ? nullptr : waiter->next;
        waiter->next = waiter->previous = nullptr;
        waiter->wait_kind->told(*waiter, done);
        waiter = next;
    }
}

void FutureBase::unlink(Waiter& waiter) noexcept {
    if (waiter.next == &waiter) {
        last_waiter_ = nullptr;
    } else {
        waiter.next->previous = waiter.previous;
        waiter.previous->next = waiter.next;
        if (last_waiter_ == &waiter) last_waiter_ = waiter.previous;
    }
    waiter.next = waiter.previous = nullptr;
}

}  // namespace stepwise
