// wait: until the first of some futures is done, or the first has failed, or all are. It cancels none and throws for
// none; what a failed one holds is retrieved from it. as_completed: one after the other, in the order of their ends.
// race: the first of some Coros to end decides, and the others are cancelled.
//
//     auto [done, pending] = co_await wait(tasks, WaitFor::first_completed);
//     auto completed = as_completed(tasks);
//     while (auto next = co_await completed.next()) use(next->result());
//     int fastest = co_await race(std::move(bodies));
#pragma once

#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sync/wait_list.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace stepwise {

// Each in the order in which they were given.
template <class T>
struct Waited {
    std::vector<Future<T>> done;
    std::vector<Future<T>> pending;
};

namespace detail {

template <class T>
class [[nodiscard]] WaitVector : public GatherWait {
public:
    WaitVector(std::vector<Future<T>> futures, WaitFor until)
        : GatherWait(until, leave_kind), futures_(std::move(futures)) {}
    ~WaitVector() { end_children(); }

    // Resumed by the task's step, queued when one of the futures ends the wait.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        if (cancelled_before(*frame.promise().task)) return false;
        use(room_.make(futures_.size()));
        for (const Future<T>& future : futures_) {
            Future<T> held = future;
            add(std::move(held).give_away());
        }
        return wait_for_children(where);
    }
    Waited<T> await_resume() {
        leave_children();
        check_cancelled();
        Waited<T> waited;
        for (Future<T>& future : futures_) (future.done() ? waited.done : waited.pending).push_back(std::move(future));
        futures_.clear();
        return waited;
    }

private:
    std::vector<Future<T>> futures_;
    GatherRoom room_;
};

template <class T>
std::vector<Future<T>> as_futures(const std::vector<Task<T>>& tasks) {
    return {tasks.begin(), tasks.end()};
}

}  // namespace detail

// Inside a task. At once if it is over already; of no futures, too. Cancel-safe: a cancelled wait leaves the futures
// alone.
template <class T>
detail::WaitVector<T> wait(std::vector<Future<T>> futures, WaitFor until = WaitFor::all) {
    return detail::WaitVector<T>(std::move(futures), until);
}
template <class T>
detail::WaitVector<T> wait(const std::vector<Task<T>>& tasks, WaitFor until = WaitFor::all) {
    return detail::WaitVector<T>(detail::as_futures(tasks), until);
}

// Gives each future when it is done. One task at a time.
template <class T>
class [[nodiscard]] AsCompleted {
public:
    explicit AsCompleted(std::vector<Future<T>> futures) : links_(std::make_unique<Link[]>(futures.size())) {
        done_.reserve(futures.size());
        for (std::size_t index = 0; index < futures.size(); ++index) {
            if (futures[index].done()) {
                done_.push_back(std::move(futures[index]));
            } else {
                links_[index].wait_for(*this, std::move(futures[index]));
                ++pending_;
            }
        }
    }
    AsCompleted(const AsCompleted&) = delete;
    AsCompleted& operator=(const AsCompleted&) = delete;

    // Nothing when all have been given. Cancel-safe: what would have been next still is.
    class Next;
    Next next() noexcept { return Next(*this); }

private:
    struct Link : Waiter {
        Link() noexcept : Waiter(kind) {}
        ~Link() {
            if (future) future->shared_state().remove_waiter(*this);
        }
        void wait_for(AsCompleted& completed, Future<T> pending) {
            owner = &completed;
            future.emplace(std::move(pending));
            future->shared_state().add_waiter(*this);
        }
        static void told(Waiter& waiter, FutureBase*) noexcept {
            auto& self = static_cast<Link&>(waiter);
            self.owner->completed(std::move(*self.future));
            self.future.reset();
        }
        static constexpr WaitKind kind{.told = &Link::told};
        AsCompleted* owner = nullptr;
        std::optional<Future<T>> future;
    };

    void completed(Future<T>&& future) noexcept {
        --pending_;
        done_.push_back(std::move(future));
        waiting_.grant_all();
    }

    std::unique_ptr<Link[]> links_;
    std::vector<Future<T>> done_;
    std::size_t given_ = 0;
    std::size_t pending_ = 0;
    detail::WaitList waiting_;
};

template <class T>
class [[nodiscard]] AsCompleted<T>::Next : public detail::ListWaiter {
public:
    explicit Next(AsCompleted& completed) noexcept : ListWaiter(kind), completed_(completed) {}

    // Resumed by the task's step, which the next future to end queues.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        if (cancelled_before(*frame.promise().task)) return false;
        bool has_one = completed_.given_ < completed_.done_.size();
        return has_one || completed_.pending_ == 0 ? granted_at_once() : wait_in(completed_.waiting_, where);
    }
    std::optional<Future<T>> await_resume() {
        check();
        if (completed_.given_ == completed_.done_.size()) return std::nullopt;
        return completed_.done_[completed_.given_++];
    }

private:
    static void describe(const Suspension& suspension, WaitDescription& description) {
        describe_wait(description, "the next of " +
                                       std::to_string(static_cast<const Next&>(suspension).completed_.pending_) +
                                       " futures to be done");
    }
    static constexpr WaitKind kind{&Next::leave, &Next::describe, nullptr, "as_completed"};

    AsCompleted& completed_;
};

// It may be let go of before its end; what the futures still give is left to others.
template <class T>
AsCompleted<T> as_completed(std::vector<Future<T>> futures) {
    return AsCompleted<T>(std::move(futures));
}
template <class T>
AsCompleted<T> as_completed(const std::vector<Task<T>>& tasks) {
    return AsCompleted<T>(detail::as_futures(tasks));
}

namespace detail {

template <class T>
Coro<std::size_t> first_done(const std::vector<Task<T>>& tasks) {
    Waited<T> waited = co_await wait(tasks, WaitFor::first_completed);
    std::size_t index = 0;
    while (!tasks[index].done()) ++index;
    co_return index;
}
template <class T>
Coro<void> cancel_all(const std::vector<Task<T>>& tasks) {
    for (Task<T> task : tasks) task.cancel("another one won the race");
    Waited<T> waited = co_await wait(tasks);
}

}  // namespace detail

// The result of the first to end, or what it threw; it returns when the others have ended, too. What they still fail
// with goes to the loop's exception handler. Of none: std::invalid_argument. Cancel-safe: all are cancelled, and it
// ends when they have.
template <class T>
Coro<T> race(std::vector<Coro<T>> bodies, std::source_location made_at = std::source_location::current()) {
    if (bodies.empty()) throw std::invalid_argument("race: there must be at least one body");
    std::vector<Task<T>> tasks;
    tasks.reserve(bodies.size());
    for (Coro<T>& body : bodies)
        tasks.push_back(EventLoop::current().create_task(std::move(body), Start::soon, made_at));
    Coro<std::size_t> first = detail::first_done(tasks);
    Coro<void> rest = detail::cancel_all(tasks);
    std::size_t winner = co_await finally(std::move(first), std::move(rest), Duration::max());
    Task<T> won = tasks[winner];
    tasks.clear();
    won.shared_state().check_result();
    if constexpr (!std::is_void_v<T>)
        co_return detail::take_from(won.shared_state(), detail::value_of<T>(won.shared_state()));
}

}  // namespace stepwise
