// Queue: values from tasks to tasks, in order, never more than its capacity; who puts into a full one waits.
//
//     co_await queue.put(value);                                 // QueueClosed once it is closed
//     while (auto value = co_await queue.get()) use(*value);     // nothing: closed, and all were taken
//
// PriorityQueue gives the smallest first (by Compare), of equal ones the oldest. Fair among those who put and among
// those who get. A value that is handed to a waiting task is that task's, and goes nowhere else if it is cancelled
// then. It must outlive those who wait. The loop's thread.
#pragma once

#include <stepwise/runtime/sync/wait_list.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace stepwise {

class QueueClosed : public std::runtime_error {
public:
    QueueClosed() : std::runtime_error("the queue is closed: nothing can be put into it any more") {}
};

namespace detail {

// First in, first out, in memory that is made once.
template <class T>
class Ring {
public:
    explicit Ring(std::size_t capacity) : slots_(std::make_unique<std::optional<T>[]>(capacity)), capacity_(capacity) {}

    std::size_t size() const noexcept { return size_; }
    void push(T&& value) {
        std::size_t end = first_ + size_;
        slots_[end < capacity_ ? end : end - capacity_].emplace(std::move(value));
        ++size_;
    }
    T pop() {
        std::optional<T>& slot = slots_[first_];
        T value = std::move(*slot);
        slot.reset();
        first_ = first_ + 1 == capacity_ ? 0 : first_ + 1;
        --size_;
        return value;
    }

private:
    std::unique_ptr<std::optional<T>[]> slots_;
    std::size_t capacity_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

// The smallest first, in memory that is made once.
template <class T, class Compare>
class Heap {
public:
    explicit Heap(std::size_t capacity) { entries_.reserve(capacity); }

    std::size_t size() const noexcept { return entries_.size(); }
    void push(T&& value) {
        entries_.push_back({std::move(value), pushed_++});
        std::push_heap(entries_.begin(), entries_.end(), After());
    }
    T pop() {
        std::pop_heap(entries_.begin(), entries_.end(), After());
        T value = std::move(entries_.back().value);
        entries_.pop_back();
        return value;
    }

private:
    struct Entry {
        T value;
        std::uint64_t order;
    };
    struct After {
        bool operator()(const Entry& left, const Entry& right) const {
            if (Compare()(right.value, left.value)) return true;
            return !Compare()(left.value, right.value) && left.order > right.order;
        }
    };

    std::vector<Entry> entries_;
    std::uint64_t pushed_ = 0;
};

template <class T, class Store>
class BasicQueue {
public:
    // At least 1: std::invalid_argument. The memory for so many is made here, and no more.
    explicit BasicQueue(std::size_t capacity) : store_(checked(capacity)), capacity_(capacity) {}

    // Waits for room. Throws QueueClosed if it is closed, before or meanwhile. Cancel-safe: the value is in the queue
    // once or, when this throws, not at all.
    class Put;
    Put put(T value) { return Put(*this, std::move(value)); }
    // The next value; nothing when the queue is closed and empty. Cancel-safe: a cancelled get has taken none.
    class Get;
    Get get() noexcept { return Get(*this); }

    // Without waiting. False when it is full or closed, and the value stays the caller's. On another thread than that
    // of those who wait, as of close and try_get: std::logic_error.
    bool try_put(T& value) {
        getters_.check_thread("Queue::try_put");
        if (closed_ || is_full()) return false;
        accept(std::move(value));
        return true;
    }
    bool try_put(T&& value) { return try_put(value); }
    std::optional<T> try_get() {
        putters_.check_thread("Queue::try_get");
        if (store_.size() == 0) return std::nullopt;
        return take();
    }

    // Nothing can be put from here on; what is in it can still be taken. Who waits to put gets QueueClosed.
    void close() {
        getters_.check_thread("Queue::close");
        putters_.check_thread("Queue::close");
        closed_ = true;
        getters_.grant_all();
        putters_.grant_all();
    }
    bool closed() const noexcept { return closed_; }

    std::size_t size() const noexcept { return store_.size(); }
    std::size_t capacity() const noexcept { return capacity_; }
    bool is_empty() const noexcept { return store_.size() == 0; }
    bool is_full() const noexcept { return store_.size() == capacity_; }

private:
    static std::size_t checked(std::size_t capacity) {
        if (capacity == 0) throw std::invalid_argument("Queue: the capacity must be at least 1");
        return capacity;
    }
    // There is room. Whoever waits for a value gets it straight.
    void accept(T&& value) {
        if (ListWaiter* getter = getters_.first()) {
            static_cast<Get*>(getter)->value_.emplace(std::move(value));
            getters_.grant(*getter);
        } else {
            store_.push(std::move(value));
        }
    }
    // There is one. Whoever waits longest to put has room now.
    T take() {
        T value = store_.pop();
        if (ListWaiter* first = putters_.first()) {
            auto* putter = static_cast<Put*>(first);
            store_.push(std::move(putter->value_));
            putter->accepted_ = true;
            putters_.grant(*putter);
        }
        return value;
    }

    Store store_;
    std::size_t capacity_;
    WaitList getters_;
    WaitList putters_;
    bool closed_ = false;
};

template <class T, class Store>
class [[nodiscard]] BasicQueue<T, Store>::Put : public ListWaiter {
public:
    Put(BasicQueue& queue, T&& value) : ListWaiter(kind), queue_(queue), value_(std::move(value)) {}

    // Resumed by the task's step, which a get queues, or close().
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        if (cancelled_before(*frame.promise().task)) return false;
        if (queue_.closed_) return granted_at_once();
        if (queue_.is_full()) return wait_in(queue_.putters_, where);
        queue_.accept(std::move(value_));
        accepted_ = true;
        return task_->finished_at_once();
    }
    void await_resume() const {
        if (accepted_) [[likely]]
            return;
        check();
        throw QueueClosed();
    }

private:
    friend class BasicQueue;
    static void describe(const Suspension& suspension, WaitDescription& description) {
        const BasicQueue& queue = static_cast<const Put&>(suspension).queue_;
        describe_wait(description, "room in a full Queue of " + std::to_string(queue.capacity_));
    }
    static constexpr WaitKind kind{&Put::leave, &Put::describe, nullptr, "queue put"};

    BasicQueue& queue_;
    T value_;
    bool accepted_ = false;
};

template <class T, class Store>
class [[nodiscard]] BasicQueue<T, Store>::Get : public ListWaiter {
public:
    explicit Get(BasicQueue& queue) noexcept : ListWaiter(kind), queue_(queue) {}

    // Resumed by the task's step, which a put queues, or close().
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        if (cancelled_before(*frame.promise().task)) return false;
        if (queue_.is_empty() && !queue_.closed_) return wait_in(queue_.getters_, where);
        return take_at_once();
    }
    std::optional<T> await_resume() {
        check();
        return std::move(value_);
    }

private:
    friend class BasicQueue;
    // By itself, so that whoever waits needs no stack frame.
    [[gnu::noinline]] bool take_at_once() {
        if (!queue_.is_empty()) value_.emplace(queue_.take());
        return granted_at_once();
    }
    static void describe(const Suspension&, WaitDescription& description) {
        describe_wait(description, "a value in an empty Queue");
    }
    static constexpr WaitKind kind{&Get::leave, &Get::describe, nullptr, "queue get"};

    BasicQueue& queue_;
    std::optional<T> value_;
};

}  // namespace detail

template <class T>
class Queue : public detail::BasicQueue<T, detail::Ring<T>> {
public:
    using detail::BasicQueue<T, detail::Ring<T>>::BasicQueue;
};

template <class T, class Compare = std::less<T>>
class PriorityQueue : public detail::BasicQueue<T, detail::Heap<T, Compare>> {
public:
    using detail::BasicQueue<T, detail::Heap<T, Compare>>::BasicQueue;
};

}  // namespace stepwise
