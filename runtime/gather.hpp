// gather: runs Coros side by side, each as a task, and gives their results in the order in which they were written.
//
//     auto [first, second] = co_await gather(answer(1), fetch_page());
//     std::vector<int> all = co_await gather(std::move(bodies));   // a std::vector<Coro<int>>
//
// Coros give a tuple (void becomes std::monostate), a vector of Coros a vector of results (void: nothing), a map of
// Coros a map of results under the same keys. The first error is thrown as soon as it happens; the other children run
// on, as in asyncio. Cancelling the task that waits cancels all children; then it waits until they have ended.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace stepwise {

// When a wait for several futures is over.
enum class WaitFor : std::uint8_t { all, first_completed, first_exception };

namespace detail {

struct GatherChild : Waiter {
    GatherChild() noexcept : Waiter(kind) {}

    static const WaitKind kind;
    class GatherWait* gather = nullptr;
    FutureBase* future = nullptr;
};

// So many of them, in one place, since a node cannot move.
class GatherChildren {
public:
    GatherChildren() noexcept = default;
    explicit GatherChildren(std::size_t count);
    GatherChildren(GatherChildren&& other) noexcept
        : children_(std::exchange(other.children_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    GatherChildren& operator=(GatherChildren&& other) noexcept {
        std::swap(children_, other.children_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~GatherChildren();

    GatherChild& operator[](std::size_t index) const noexcept { return children_[index]; }
    std::span<GatherChild> all() const noexcept { return {children_, count_}; }

private:
    GatherChild* children_ = nullptr;
    std::size_t count_ = 0;
};

// What all that wait for several futures share: counts those that are still running.
class GatherWait : public Suspension {
public:
    bool await_ready() const noexcept { return false; }

protected:
    // gather's: until all are done or the first has failed; a cancellation cancels the children and waits for them.
    GatherWait() noexcept : GatherWait(WaitFor::first_exception, gather_kind) {}
    GatherWait(WaitFor until, const WaitKind& kind) noexcept : Suspension(kind), until_(until) {}
    ~GatherWait() = default;

    // True: start nothing, the await throws.
    bool cancelled_before(TaskBase& task) noexcept {
        task_ = &task;
        return interrupted_ = task.cancel_pending();
    }
    // Returns whether to suspend. The children must stay where they are.
    bool wait_for(TaskBase& task, std::span<GatherChild> children, std::source_location where);
    // Throws what the await is to throw, if anything.
    void check();
    void check_cancelled() const {
        if (interrupted_) task_->throw_cancelled();
    }

    // A cancellation ends the wait, and leaves the children alone.
    static const WaitKind leave_kind;
    // The heirs' destructors call it, before their children end.
    void leave_children() noexcept;

private:
    friend struct GatherChild;
    static const WaitKind gather_kind;

    static void child_done(Waiter& waiter, FutureBase* future) noexcept;
    static void leave_wait(Suspension& suspension) noexcept;
    static void describe(const Suspension& suspension, WaitDescription& description);
    bool count_done(FutureBase* future) noexcept;
    static void cancel_children(Suspension& suspension) noexcept;

    WaitFor until_;
    TaskBase* task_ = nullptr;
    std::span<GatherChild> children_;
    std::size_t running_ = 0;
    FutureBase* failed_ = nullptr;
    bool interrupted_ = false;
};

template <class... Ts>
class [[nodiscard]] GatherTuple : public GatherWait {
public:
    explicit GatherTuple(Coro<Ts>... bodies) noexcept : bodies_(std::move(bodies)...) {}
    ~GatherTuple() { leave_children(); }

    // Resumed by the task's step, queued when the last child is done or the first has failed.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        TaskBase& task = *frame.promise().task;
        if (cancelled_before(task)) return false;
        auto& loop = static_cast<EventLoop&>(task.task_scheduler());
        start(loop, std::index_sequence_for<Ts...>());
        return wait_for(task, children_, where);
    }
    std::tuple<Stored<Ts>...> await_resume() {
        check();
        return results(std::index_sequence_for<Ts...>());
    }

private:
    template <std::size_t... Index>
    void start(EventLoop& loop, std::index_sequence<Index...>) {
        (std::get<Index>(bodies_).check_unstarted(), ...);
        // In braces the children are made from left to right, between parentheses in any order.
        using Tasks = std::tuple<Task<Ts>...>;
        tasks_.emplace(Tasks{loop.create_task(std::move(std::get<Index>(bodies_)))...});
        ((children_[Index].future = &std::get<Index>(*tasks_).shared_state()), ...);
    }
    template <std::size_t... Index>
    std::tuple<Stored<Ts>...> results(std::index_sequence<Index...>) {
        return {std::move(value_of<Ts>(std::get<Index>(*tasks_).shared_state()))...};
    }

    std::tuple<Coro<Ts>...> bodies_;
    std::optional<std::tuple<Task<Ts>...>> tasks_;
    std::array<GatherChild, sizeof...(Ts)> children_;
};

template <class T>
class [[nodiscard]] GatherVector : public GatherWait {
public:
    explicit GatherVector(std::vector<Coro<T>> bodies) noexcept : bodies_(std::move(bodies)) {}
    ~GatherVector() { leave_children(); }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        TaskBase& task = *frame.promise().task;
        if (cancelled_before(task)) return false;
        start(static_cast<EventLoop&>(task.task_scheduler()));
        return wait_for(task, children_.all(), where);
    }
    auto await_resume() {
        check();
        if constexpr (!std::is_void_v<T>) {
            std::vector<T> results;
            results.reserve(tasks_.size());
            for (Task<T>& task : tasks_) results.push_back(std::move(value_of<T>(task.shared_state())));
            return results;
        }
    }

private:
    void start(EventLoop& loop) {
        for (const Coro<T>& body : bodies_) body.check_unstarted();
        tasks_.reserve(bodies_.size());
        for (Coro<T>& body : bodies_) tasks_.push_back(loop.create_task(std::move(body)));
        bodies_.clear();
        children_ = GatherChildren(tasks_.size());
        for (std::size_t index = 0; index < tasks_.size(); ++index) {
            children_[index].future = &tasks_[index].shared_state();
        }
    }

    std::vector<Coro<T>> bodies_;
    std::vector<Task<T>> tasks_;
    GatherChildren children_;
};

template <class Key, class Results, class T>
class [[nodiscard]] GatherMap : public GatherVector<T> {
public:
    GatherMap(std::vector<Key> keys, std::vector<Coro<T>> bodies) noexcept
        : GatherVector<T>(std::move(bodies)), keys_(std::move(keys)) {}

    auto await_resume() {
        if constexpr (std::is_void_v<T>) {
            GatherVector<T>::await_resume();
        } else {
            std::vector<T> values = GatherVector<T>::await_resume();
            Results results;
            for (std::size_t index = 0; index < values.size(); ++index) {
                results.emplace(std::move(keys_[index]), std::move(values[index]));
            }
            return results;
        }
    }

private:
    std::vector<Key> keys_;
};

}  // namespace detail

// The children start when it is awaited, inside a task: std::logic_error for one that was started or moved away.
// Cancel-safe: no child is left when it throws; results that had come are dropped.
template <class... Ts>
detail::GatherTuple<Ts...> gather(Coro<Ts>... bodies) noexcept {
    return detail::GatherTuple<Ts...>(std::move(bodies)...);
}

template <class T>
detail::GatherVector<T> gather(std::vector<Coro<T>> bodies) noexcept {
    return detail::GatherVector<T>(std::move(bodies));
}

// `Map` is std::map or std::unordered_map, with their usual order or hash. Children start in the map's order.
template <template <class...> class Map, class Key, class T, class... Rest>
requires requires {
    typename Map<Key, Coro<T>, Rest...>::mapped_type;
}
auto gather(Map<Key, Coro<T>, Rest...> bodies) {
    std::vector<Key> keys;
    std::vector<Coro<T>> values;
    keys.reserve(bodies.size());
    values.reserve(bodies.size());
    for (auto& [key, body] : bodies) {
        keys.push_back(key);
        values.push_back(std::move(body));
    }
    if constexpr (std::is_void_v<T>) {
        return detail::GatherMap<Key, void, T>(std::move(keys), std::move(values));
    } else {
        return detail::GatherMap<Key, Map<Key, T>, T>(std::move(keys), std::move(values));
    }
}

}  // namespace stepwise
