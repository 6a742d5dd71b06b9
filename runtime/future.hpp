// Future<T>: a result that is not there yet. pending → result, exception or cancelled, once and for good.
//
//     Future<int> future = loop.create_future<int>();
//     loop.call_later(1s, [future]() mutable { future.set_result(42); });
//     int value = co_await future;
//
// A Future is a handle; copies share one state. Done callbacks run through the ready queue, in the order in which they
// were added, never inside set_result. Awaiting a done future does not suspend. Cancelling a task that awaits a future
// cancels the future too, as in asyncio. One thread: the loop's.
#pragma once

#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/future_base.hpp>

#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <utility>
#include <variant>

namespace stepwise {

namespace detail {

template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// Whether a T can be copied. A container of what only moves claims that it can, and fails to compile when it does.
template <class T>
inline constexpr bool copies = std::is_copy_constructible_v<T>;
template <class T>
requires requires {
    typename T::value_type;
} &&(!std::is_same_v<T, typename T::value_type>)inline constexpr bool copies<T> =
    std::is_copy_constructible_v<T> && copies<typename T::value_type>;

// A future, or a task, with the place where its result is kept: alive in the state `result`, ended by end_value().
template <class Base, class T>
class WithResult : public Base {
public:
    T& value() noexcept { return value_; }

protected:
    template <class... Args>
    explicit WithResult(Args&&... args) : Base(std::forward<Args>(args)...) {}
    ~WithResult() {}

    void end_value() noexcept {
        if (this->state() == FutureBase::State::result) value_.~T();
    }
    template <class... Args>
    void emplace(Args&&... args) {
        ::new (static_cast<void*>(std::addressof(value_))) T(std::forward<Args>(args)...);
    }

private:
    union {
        T value_;
    };
};
template <class Base>
class WithResult<Base, void> : public Base {
public:
    std::monostate& value() noexcept {
        static std::monostate nothing;
        return nothing;
    }

protected:
    using Base::Base;
    void emplace() noexcept {}
    void end_value() noexcept {}
};

template <class T>
class FutureState final : public WithResult<FutureBase, T> {
public:
    FutureState(Scheduler& scheduler, std::source_location made_at) noexcept
        : WithResult<FutureBase, T>(scheduler, &FutureState::destroy, made_at) {}

    template <class... Args>
    void set_result(Args&&... args) {
        this->emplace(std::forward<Args>(args)...);
        this->finish(FutureBase::State::result);
    }

private:
    ~FutureState() = default;

    static void destroy(FutureBase& base) noexcept {
        auto& self = static_cast<FutureState&>(base);
        self.end_value();
        if (!self.ends_plainly()) [[unlikely]]
            return destroy_with_rest(self);
        delete &self;
    }
    // By itself, so that the other one needs no stack frame.
    [[gnu::noinline]] static void destroy_with_rest(FutureState& self) noexcept {
        self.end_rest();
        delete &self;
    }
};

// The result of a task, or a future, that has one.
template <class T>
Stored<T>& value_of_task(TaskBase& task) noexcept {
    return static_cast<WithResult<TaskBase, T>&>(task).value();
}
template <class T>
Stored<T>& value_of(FutureBase& future) noexcept {
    if (future.is_task()) return value_of_task<T>(static_cast<TaskBase&>(future));
    return static_cast<WithResult<FutureBase, T>&>(future).value();
}

// Moved out where nobody else can look at it, or it cannot be copied.
template <class T>
T take_from(const FutureBase& future, T& value) {
    if constexpr (copies<T>) {
        if (!future.sole_owner()) return value;
    }
    return std::move(value);
}

// The wait of one task for one future, in the waiting frame. The future outlives it: it holds a reference.
class FutureWait : public Waiter {
public:
    struct Adopt {};

    explicit FutureWait(FutureBase& future) noexcept : FutureWait(future, Adopt{}) { future_->retain(); }
    // Takes over a reference that the caller had.
    FutureWait(FutureBase& future, Adopt, const WaitKind& kind = await_kind) noexcept
        : Waiter(kind), future_(&future) {}
    ~FutureWait() {
        future_->remove_waiter(*this);
        future_->release();
    }

    bool await_ready() const noexcept { return false; }
    // Resumed by the task's step, which the future queues when it is done.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        task_ = frame.promise().task;
        if (task_->cancel_pending() || future_ == static_cast<FutureBase*>(task_)) [[unlikely]]
            return refuse();
        if (future_->done()) return task_->finished_at_once();
        future_->add_waiter(*this);
        task_->suspend(*this, where);
        return true;
    }

protected:
    // A cancellation cancels the future too, and the wait ends with it.
    static const WaitKind await_kind;
    // A cancellation ends the wait, and the future goes on.
    static const WaitKind leave_kind;
    static const FutureBase* waited_for(const Suspension& suspension) noexcept {
        return static_cast<const FutureWait&>(suspension).future_;
    }

    void check() const {
        if (future_->state() == FutureBase::State::result && previous == nullptr) [[likely]]
            return;
        if (interrupted()) task_->throw_cancelled();
        if (future_->cancelled()) throw_cancellation();
        future_->check_result();
    }

    FutureBase* future_;

private:
    bool refuse();
    // Inline, since a throw pays for each frame of the machine stack that it leaves.
    [[noreturn, gnu::always_inline]] void throw_cancellation() const {
        if (task_->cancel_pending()) task_->throw_cancelled();
        throw future_->cancelled_error();
    }
    // Told in the links, which are not needed any more.
    bool interrupted() const noexcept { return previous == this && next == nullptr; }
    void interrupt() noexcept {
        future_->remove_waiter(*this);
        previous = this;
    }
    static void future_done(Waiter& waiter, FutureBase*) noexcept { static_cast<FutureWait&>(waiter).task_->wakeup(); }
    static void cancel_future(Suspension& suspension) noexcept;
    static void leave_future(Suspension& suspension) noexcept;
    static void describe(const Suspension& suspension, WaitDescription& description);

    TaskBase* task_ = nullptr;
};

template <class T, bool take>
class FutureAwaiter : public FutureWait {
public:
    using FutureWait::FutureWait;

    decltype(auto) await_resume() {
        check();
        if constexpr (!std::is_void_v<T>) {
            T& value = value_of<T>(*future_);
            if constexpr (!take) {
                return static_cast<const T&>(value);
            } else {
                return take_from(*future_, value);
            }
        }
    }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Future {
public:
    using value_type = T;

    Future(const Future& other) noexcept : state_(other.state_) {
        if (state_ != nullptr) state_->retain();
    }
    Future(Future&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Future& operator=(Future other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~Future() {
        if (state_ != nullptr) state_->release();
    }

    bool done() const noexcept { return state_->done(); }
    bool cancelled() const noexcept { return state_->cancelled(); }

    // Once, while pending: InvalidStateError afterwards; std::logic_error on a thread that is not the loop's.
    template <class... Args>
    void set_result(Args&&... args) {
        state_->check_settable();
        static_cast<detail::FutureState<T>&>(*state_).set_result(std::forward<Args>(args)...);
    }
    // The same; std::invalid_argument for nullptr.
    void set_exception(std::exception_ptr error) { state_->set_exception(std::move(error)); }
    // False if it was done already. A Task is asked to stop and is done some turns later.
    bool cancel() { return state_->cancel(); }

    // Throws InvalidStateError while pending, CancelledError if cancelled, else the exception that was set.
    decltype(auto) result() const {
        state_->check_result();
        if constexpr (!std::is_void_v<T>) return static_cast<const T&>(detail::value_of<T>(*state_));
    }
    // nullptr for a result. Throws as result() does, but for the exception that was set.
    std::exception_ptr exception() const { return state_->exception(); }

    // `callback(Future<T>)` is run by the loop, in a later handle, also when the future is done already. What it throws
    // goes to the exception handler. std::logic_error on a thread that is not the loop's.
    template <class Callback>
    void add_done_callback(Callback callback);

    // An lvalue gives a reference that lives as long as the future; an rvalue (`co_await std::move(future)`, or a
    // temporary) gives the value: moved out where nobody else holds the future or the type cannot be copied. Throws
    // what result() throws. Cancel-safe: a cancelled await has cancelled the future, unless the task was cancelled
    // before it awaited: then the future is left alone.
    detail::FutureAwaiter<T, false> operator co_await() const& noexcept {
        return detail::FutureAwaiter<T, false>(*state_);
    }
    detail::FutureAwaiter<T, true> operator co_await() && noexcept {
        return detail::FutureAwaiter<T, true>(std::move(*this).give_away(), detail::FutureWait::Adopt{});
    }

    FutureBase& shared_state() const noexcept { return *state_; }
    // With its reference: the caller is to release it.
    FutureBase& give_away() && noexcept { return *std::exchange(state_, nullptr); }
    explicit Future(FutureBase& state) noexcept : state_(&state) { state_->retain(); }

protected:
    FutureBase* state_;
};

namespace detail {

// Owned by the future while that is pending, by the ready queue afterwards.
template <class T, class Callback>
class DoneCallback final : public ReadyNode, public Waiter, public frame_pool::Pooled {
public:
    explicit DoneCallback(Callback callback)
        : ReadyNode(&DoneCallback::call), Waiter(waits), callback_(std::move(callback)) {}

    void wait_for(FutureBase& future) noexcept {
        if (future.done()) {
            future_done(*this, &future);
        } else {
            future.add_waiter(*this);
        }
    }

private:
    //[ told
    static void future_done(Waiter& waiter, FutureBase* future) noexcept {
        auto& self = static_cast<DoneCallback&>(waiter);
        if (future == nullptr) return delete &self;
        self.future_.emplace(*future);
        future->scheduler().push_ready(self);
    }
    //]
    static void call(ReadyNode& node) {
        std::unique_ptr<DoneCallback> self(&static_cast<DoneCallback&>(node));
        Callback callback = std::move(self->callback_);
        Future<T> future = std::move(*self->future_);
        self.reset();
        if (!future.shared_state().scheduler().discarding()) callback(std::move(future));
    }

    static constexpr WaitKind waits{.told = &DoneCallback::future_done};

    std::optional<Future<T>> future_;
    Callback callback_;
};

}  // namespace detail

template <class T>
template <class Callback>
void Future<T>::add_done_callback(Callback callback) {
    state_->scheduler().check_thread("Future::add_done_callback");
    if (state_->scheduler().tracer() != nullptr) [[unlikely]]
        trace::callback_added(*state_->scheduler().tracer(), *state_);
    auto* node = new detail::DoneCallback<T, Callback>(std::move(callback));
    node->wait_for(*state_);
}

}  // namespace stepwise
