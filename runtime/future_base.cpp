#include <stepwise/runtime/future_base.hpp>

#include <utility>

namespace stepwise {

FutureBase::~FutureBase() {
    if (last_waiter_ != nullptr) tell_waiters(nullptr);
    if (state_ == State::exception && !retrieved_) {
        Scheduler::report_lost(std::move(error_), "a future ended with an exception that nobody retrieved");
    }
}

bool FutureBase::cancel() {
    scheduler_->check_thread("Future::cancel");
    if (done()) return false;
    finish(State::cancelled);
    return true;
}

void FutureBase::set_exception(std::exception_ptr error) {
    check_pending();
    if (error == nullptr) throw std::invalid_argument("Future::set_exception needs an exception, got nullptr");
    finish_with_exception(std::move(error));
}

std::exception_ptr FutureBase::exception() const {
    if (state_ == State::pending) throw InvalidStateError("Future::exception: the future is still pending");
    if (state_ == State::cancelled) throw_cancellation();
    retrieved_ = true;
    return error_;
}

void FutureBase::check_result() const {
    if (state_ == State::result) return;
    if (state_ == State::pending) throw InvalidStateError("Future::result: the future is still pending");
    if (state_ == State::cancelled) throw_cancellation();
    retrieved_ = true;
    std::rethrow_exception(error_);
}

void FutureBase::throw_cancellation() const {
    throw CancelledError();
}

void FutureBase::check_pending() const {
    scheduler_->check_thread("Future::set_result");
    if (done()) throw InvalidStateError("Future::set_result: the future is done already, and a state is irreversible");
}

void FutureBase::finish_with_exception(std::exception_ptr error) noexcept {
    error_ = std::move(error);
    finish(State::exception);
}

void FutureBase::finish(State state) noexcept {
    state_ = state;
    if (last_waiter_ != nullptr) tell_waiters(this);
}

void FutureBase::tell_waiters(FutureBase* done) noexcept {
    Waiter* last = std::exchange(last_waiter_, nullptr);
    Waiter* waiter = std::exchange(last->next, nullptr);
    // As a chain that ends with `last`: to be told may be the waiter's end.
    while (waiter != nullptr) {
        Waiter* next = waiter == last ? nullptr : waiter->next;
        waiter->next = waiter->previous = nullptr;
        waiter->told(*waiter, done);
        waiter = next;
    }
}

void FutureBase::add_waiter(Waiter& waiter) noexcept {
    assert(!waiter.linked() && !done());
    if (last_waiter_ == nullptr) {
        waiter.next = waiter.previous = &waiter;
    } else {
        waiter.next = last_waiter_->next;
        waiter.previous = last_waiter_;
        waiter.next->previous = &waiter;
        last_waiter_->next = &waiter;
    }
    last_waiter_ = &waiter;
}

void FutureBase::remove_waiter(Waiter& waiter) noexcept {
    if (!waiter.linked()) return;
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
