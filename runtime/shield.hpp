// shield: waits for a task, or for a Coro that it makes a task, which goes on when the one that waits is cancelled.
//
//     co_await shield(loop.create_task(save()));   // a cancellation ends this wait, not the saving
//
// The waiting task throws CancelledError at once, as from any await. What the shielded task then still fails with goes
// to the loop's exception handler, unless somebody kept it. Cleanup that must run to its end belongs in `finally`.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

#include <utility>

namespace stepwise {

namespace detail {

template <class T>
class ShieldedWait : public FutureWait {
public:
    explicit ShieldedWait(Future<T> future) noexcept : FutureWait(future.shared_state(), Adopt{}, leave_kind) {
        future_->retain();
    }

    T await_resume() {
        check();
        if constexpr (!std::is_void_v<T>) {
            return take_from(*future_, value_of<T>(*future_));
        }
    }
};

}  // namespace detail

// Inside a task. Gives the result, or throws what the task ended with. Cancel-safe: a cancelled wait leaves the task
// alone.
template <class T>
[[nodiscard]] detail::ShieldedWait<T> shield(Future<T> future) noexcept {
    return detail::ShieldedWait<T>(std::move(future));
}
template <class T>
[[nodiscard]] detail::ShieldedWait<T> shield(Task<T> task) noexcept {
    return detail::ShieldedWait<T>(std::move(task));
}
template <class T>
[[nodiscard]] detail::ShieldedWait<T> shield(Coro<T> body,
                                             std::source_location made_at = std::source_location::current()) {
    return detail::ShieldedWait<T>(EventLoop::current().create_task(std::move(body), Start::soon, made_at));
}

}  // namespace stepwise
