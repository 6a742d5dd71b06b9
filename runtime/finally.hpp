// finally: runs `body`, then `cleanup`, however the body ended: with a result, an exception, or cancelled.
//
//     co_await finally(use(connection), close(connection));
//
// For cleanup that awaits, which cannot stand in a catch clause or a destructor. The cleanup is shielded: who cancels
// the task meanwhile waits for it, up to `deadline`; then it ends with TimeoutError. What the body threw is thrown;
// else what the cleanup threw; where both failed, the cleanup's error goes to the loop's exception handler.
// Cancel-safe: the cleanup has run, once. A `finally` that was never awaited runs neither, nor does one that finds no
// memory for the cleanup's frame: std::bad_alloc; if there is none for its timer, it has no deadline. Both Coros may
// borrow from the caller.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <optional>
#include <utility>

namespace stepwise {

namespace detail {

// Runs a Coro as a child of the same task, whose cancellation waits until it has returned.
class [[nodiscard]] ShieldedCall {
public:
    explicit ShieldedCall(Coro<void> body) noexcept : body_(std::move(body)) {}

    bool await_ready() const noexcept { return false; }
    // Resumed by the trampoline when the body returns.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        body_.check_unstarted();
        shield_.emplace(*frame.promise().task);
        body_.start_in(*frame.promise().task, frame.promise(), where);
    }
    void await_resume() {
        shield_.reset();
        body_.await_resume();
    }

private:
    std::optional<CancelShield> shield_;
    Coro<void> body_;
};

Coro<void> run_cleanup(Coro<void> cleanup, Duration deadline);
void report_cleanup(std::exception_ptr error) noexcept;

}  // namespace detail

inline constexpr Duration cleanup_deadline_default = std::chrono::seconds(10);

// `deadline`: for the cleanup, from its begin.
template <class T>
Coro<T> finally(Coro<T> body, Coro<void> cleanup, Duration deadline = cleanup_deadline_default) {
    // All that the cleanup needs is there before the body begins.
    Coro<void> bounded = detail::run_cleanup(std::move(cleanup), deadline);
    std::optional<detail::Stored<T>> result;
    std::exception_ptr error;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(body);
        } else {
            result.emplace(co_await std::move(body));
        }
    } catch (...) {
        error = std::current_exception();
    }
    std::exception_ptr cleanup_error;
    try {
        detail::ShieldedCall shielded(std::move(bounded));
        co_await shielded;
    } catch (...) {
        cleanup_error = std::current_exception();
    }
    if (error && cleanup_error) detail::report_cleanup(std::exchange(cleanup_error, nullptr));
    if (error) std::rethrow_exception(error);
    if (cleanup_error) std::rethrow_exception(cleanup_error);
    if constexpr (!std::is_void_v<T>) co_return std::move(*result);
}

}  // namespace stepwise
