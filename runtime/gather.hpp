// gather: runs Coros side by side, each as a task, and gives their results in the order in which they were written.
//
//     auto [first, second] = co_await gather(answer(1), fetch_page());
//     std::vector<int> all = co_await gather(std::move(bodies));   // a std::vector<Coro<int>>
//     auto [page, copy] = co_await gather(return_exceptions, fetch_page(), fetch_copy());   // Futures that are done
//
// Coros give a tuple (void becomes std::monostate), a vector of Coros a vector of results (void: nothing), a map of
// Coros a map of results under the same keys. The first error is thrown as soon as it happens; the other children run
// on, as in asyncio. With return_exceptions nobody's error is thrown, and all are waited for. Cancelling the task that
// waits cancels all children; then it waits until they have ended.
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

// For gather: asyncio's return_exceptions=True.
struct ReturnExceptions {};
inline constexpr ReturnExceptions return_exceptions{};

namespace detail {

// One of the futures that are waited for. Takes over a reference to it.
struct GatherChild : Waiter {
    GatherChild(class GatherWait& own_gather, FutureBase& own_future) noexcept
        : Waiter(kind), gather(own_gather), future(own_future) {}
    ~GatherChild() { future.release(); }

    static const WaitKind kind;
    GatherWait& gather;
    FutureBase& future;
};

// Room for so many of them, in one place, since they cannot move.
class GatherRoom {
public:
    GatherRoom() noexcept = default;
    GatherRoom(const GatherRoom&) = delete;
    GatherRoom& operator=(const GatherRoom&) = delete;
    ~GatherRoom() {
        if (memory_ != nullptr) frame_pool::deallocate(memory_, bytes_);
    }

    // For the same number each time.
    void* make(std::size_t count) {
        if (memory_ == nullptr && count != 0) {
            memory_ = frame_pool::allocate(count * sizeof(GatherChild));
            bytes_ = count * sizeof(GatherChild);
        }
        return memory_;
    }

private:
    void* memory_ = nullptr;
    std::size_t bytes_ = 0;
};

// What all that wait for several futures share: counts those that are still running.
class GatherWait : public Suspension {
public:
    bool await_ready() const noexcept { return false; }

protected:
    // gather's: until all are done or, with first_exception, the first has failed; a cancellation cancels the children
    // and waits for them.
    explicit GatherWait(WaitFor until) noexcept : GatherWait(until, gather_kind) {}
    GatherWait(WaitFor until, const WaitKind& kind) noexcept : Suspension(kind), until_(until) {}
    ~GatherWait() = default;

    // True: start nothing, the await throws.
    bool cancelled_before(TaskBase& task) noexcept {
        task_ = &task;
        return interrupted_ = task.cancel_pending();
    }
    // Before the first child: room for all of them, which stays until end_children().
    void use(void* room) noexcept {
        end_children();  // of an earlier await
        children_ = end_ = static_cast<GatherChild*>(room);
        over_ = false;
        failed_ = nullptr;
    }
    // The same for so many tasks that are to be made now: add_new.
    void use(void* room, std::size_t count) noexcept {
        use(room);
        running_ = count;
    }
    // One more to wait for. Takes over a reference.
    void add(FutureBase& future) noexcept {
        GatherChild& child = *std::construct_at(end_++, *this, future);
        if (future.done()) {
            over_ |= count_done(future);
        } else {
            future.add_waiter(child);
            ++running_;
        }
    }
    // The same for a task that was made just now, and is counted already.
    void add_new(FutureBase& task) noexcept { task.add_first_waiter(*std::construct_at(end_++, *this, task)); }
    // Returns whether to suspend.
    bool wait_for_children(std::source_location where) noexcept;
    std::span<GatherChild> children() const noexcept { return {children_, end_}; }
    // Throws what the await is to throw, if anything.
    void check();
    void check_cancelled() const {
        if (interrupted_) task_->throw_cancelled();
    }

    // A cancellation ends the wait, and leaves the children alone.
    static const WaitKind leave_kind;
    void leave_children() noexcept;
    // The heirs' destructors call it, before their room ends.
    void end_children() noexcept;

private:
    friend struct GatherChild;
    static const WaitKind gather_kind;

    static void child_done(Waiter& waiter, FutureBase* future) noexcept;
    static void leave_wait(Suspension& suspension) noexcept;
    static void describe(const Suspension& suspension, WaitDescription& description);
    // Whether the wait is over with this one.
    bool count_done(FutureBase& future) noexcept {
        if (future.state() == FutureBase::State::result) [[likely]]
            return until_ == WaitFor::first_completed;
        if (failed_ == nullptr) failed_ = &future;
        return until_ == WaitFor::first_completed || (until_ == WaitFor::first_exception && !interrupted_);
    }
    static void cancel_children(Suspension& suspension) noexcept;

    WaitFor until_;
    bool interrupted_ = false;
    bool over_ = false;
    TaskBase* task_ = nullptr;
    std::size_t running_ = 0;
    FutureBase* failed_ = nullptr;
    GatherChild* children_ = nullptr;
    GatherChild* end_ = nullptr;
};

template <class... Ts>
class [[nodiscard]] GatherTuple : public GatherWait {
public:
    explicit GatherTuple(WaitFor until, Coro<Ts>... bodies) noexcept
        : GatherWait(until), bodies_(std::move(bodies)...) {}
    ~GatherTuple() { end_children(); }

    // Resumed by the task's step, queued when the last child is done or the first has failed.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        if (cancelled_before(*frame.promise().task)) return false;
        start(static_cast<EventLoop&>(frame.promise().task->task_scheduler()), where, std::index_sequence_for<Ts...>());
        return wait_for_children(where);
    }
    std::tuple<Stored<Ts>...> await_resume() {
        check();
        return results(std::index_sequence_for<Ts...>());
    }

private:
    template <std::size_t... Index>
    void start(EventLoop& loop, [[maybe_unused]] std::source_location where, std::index_sequence<Index...>) {
        (std::get<Index>(bodies_).check_unstarted(), ...);
        use(room_.data(), sizeof...(Ts));
        [[maybe_unused]] const bool plainly = TaskBase::starts_plainly(loop);
        (add_new(loop.create_child(std::move(std::get<Index>(bodies_)), plainly, where)), ...);
    }
    template <std::size_t... Index>
    std::tuple<Stored<Ts>...> results(std::index_sequence<Index...>) {
        return {std::move(value_of<Ts>(children()[Index].future))...};
    }

    std::tuple<Coro<Ts>...> bodies_;
    alignas(GatherChild) std::array<std::byte, sizeof...(Ts) * sizeof(GatherChild)> room_;
};

template <class T>
class [[nodiscard]] GatherVector : public GatherWait {
public:
    GatherVector(WaitFor until, std::vector<Coro<T>> bodies) noexcept : GatherWait(until), bodies_(std::move(bodies)) {}
    ~GatherVector() { end_children(); }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        if (cancelled_before(*frame.promise().task)) return false;
        start(static_cast<EventLoop&>(frame.promise().task->task_scheduler()), where);
        return wait_for_children(where);
    }
    auto await_resume() {
        check();
        if constexpr (!std::is_void_v<T>) {
            std::vector<T> results;
            results.reserve(children().size());
            for (GatherChild& child : children())
                results.push_back(std::move(value_of_task<T>(static_cast<TaskBase&>(child.future))));
            return results;
        }
    }

private:
    void start(EventLoop& loop, std::source_location where) {
        if (!children().empty()) throw_coro_started();
        for (const Coro<T>& body : bodies_) body.check_unstarted();
        use(room_.make(bodies_.size()), bodies_.size());
        const bool plainly = TaskBase::starts_plainly(loop);
        for (Coro<T>& body : bodies_) add_new(loop.create_child(std::move(body), plainly, where));
        bodies_.clear();
    }

    std::vector<Coro<T>> bodies_;
    GatherRoom room_;
};

template <class Key, class Results, class T>
class [[nodiscard]] GatherMap : public GatherVector<T> {
public:
    GatherMap(std::vector<Key> keys, std::vector<Coro<T>> bodies) noexcept
        : GatherVector<T>(WaitFor::first_exception, std::move(bodies)), keys_(std::move(keys)) {}

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

// The same three with return_exceptions: they give the children's futures, all of them done.
template <class... Ts>
class [[nodiscard]] OutcomeTuple : public GatherTuple<Ts...> {
public:
    explicit OutcomeTuple(Coro<Ts>... bodies) noexcept : GatherTuple<Ts...>(WaitFor::all, std::move(bodies)...) {}

    std::tuple<Future<Ts>...> await_resume() {
        this->check_cancelled();
        return futures(std::index_sequence_for<Ts...>());
    }

private:
    template <std::size_t... Index>
    std::tuple<Future<Ts>...> futures(std::index_sequence<Index...>) {
        return std::tuple<Future<Ts>...>(Future<Ts>(this->children()[Index].future)...);
    }
};

template <class T>
class [[nodiscard]] OutcomeVector : public GatherVector<T> {
public:
    explicit OutcomeVector(std::vector<Coro<T>> bodies) noexcept : GatherVector<T>(WaitFor::all, std::move(bodies)) {}

    std::vector<Future<T>> await_resume() {
        this->check_cancelled();
        std::vector<Future<T>> futures;
        futures.reserve(this->children().size());
        for (GatherChild& child : this->children()) futures.emplace_back(child.future);
        return futures;
    }
};

template <class Key, class Outcomes, class T>
class [[nodiscard]] OutcomeMap : public OutcomeVector<T> {
public:
    OutcomeMap(std::vector<Key> keys, std::vector<Coro<T>> bodies) noexcept
        : OutcomeVector<T>(std::move(bodies)), keys_(std::move(keys)) {}

    Outcomes await_resume() {
        std::vector<Future<T>> futures = OutcomeVector<T>::await_resume();
        Outcomes outcomes;
        for (std::size_t index = 0; index < futures.size(); ++index)
            outcomes.emplace(std::move(keys_[index]), std::move(futures[index]));
        return outcomes;
    }

private:
    std::vector<Key> keys_;
};

// A map as its keys and its Coros, in its order.
template <class Key, class T>
struct SplitMap {
    template <class Map>
    explicit SplitMap(Map bodies) {
        keys.reserve(bodies.size());
        values.reserve(bodies.size());
        for (auto& [key, body] : bodies) {
            keys.push_back(key);
            values.push_back(std::move(body));
        }
    }

    std::vector<Key> keys;
    std::vector<Coro<T>> values;
};

}  // namespace detail

// The children start when it is awaited, inside a task: std::logic_error for one that was started or moved away.
// Cancel-safe: no child is left when it throws; results that had come are dropped.
template <class... Ts>
detail::GatherTuple<Ts...> gather(Coro<Ts>... bodies) noexcept {
    return detail::GatherTuple<Ts...>(WaitFor::first_exception, std::move(bodies)...);
}

template <class T>
detail::GatherVector<T> gather(std::vector<Coro<T>> bodies) noexcept {
    return detail::GatherVector<T>(WaitFor::first_exception, std::move(bodies));
}

// `Map` is std::map or std::unordered_map, with their usual order or hash. Children start in the map's order.
template <template <class...> class Map, class Key, class T, class... Rest>
requires requires {
    typename Map<Key, Coro<T>, Rest...>::mapped_type;
}
auto gather(Map<Key, Coro<T>, Rest...> bodies) {
    detail::SplitMap<Key, T> split(std::move(bodies));
    if constexpr (std::is_void_v<T>) {
        return detail::GatherMap<Key, void, T>(std::move(split.keys), std::move(split.values));
    } else {
        return detail::GatherMap<Key, Map<Key, T>, T>(std::move(split.keys), std::move(split.values));
    }
}

// The same without an error of any child: waits until all have ended, and gives a Future<T> for each, in the same
// places, to be asked for its result(), its exception(), or whether it was cancelled(). What nobody asks one that
// failed is reported, as of any future. Cancel-safe as above.
template <class... Ts>
detail::OutcomeTuple<Ts...> gather(ReturnExceptions, Coro<Ts>... bodies) noexcept {
    return detail::OutcomeTuple<Ts...>(std::move(bodies)...);
}

template <class T>
detail::OutcomeVector<T> gather(ReturnExceptions, std::vector<Coro<T>> bodies) noexcept {
    return detail::OutcomeVector<T>(std::move(bodies));
}

template <template <class...> class Map, class Key, class T, class... Rest>
requires requires {
    typename Map<Key, Coro<T>, Rest...>::mapped_type;
}
auto gather(ReturnExceptions, Map<Key, Coro<T>, Rest...> bodies) {
    detail::SplitMap<Key, T> split(std::move(bodies));
    return detail::OutcomeMap<Key, Map<Key, Future<T>>, T>(std::move(split.keys), std::move(split.values));
}

}  // namespace stepwise
