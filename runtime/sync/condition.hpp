// Condition: to wait, with a Lock given up meanwhile, until another task says that something has changed.
//
//     auto guard = co_await lock.acquire();
//     while (items.empty()) co_await condition.wait(guard);
//
// Who is notified queues for the lock and goes on when it has it. Notifications are not kept for those who come later.
// It must outlive those who wait, and be used with one lock. The loop's thread.
#pragma once

#include <stepwise/runtime/sync/lock.hpp>

namespace stepwise {

class Condition {
public:
    // The guard must hold its lock: std::logic_error. It holds it again when the await ends, however it ends: a
    // cancelled wait throws when it has the lock. Cancel-safe: a notification that came first is not lost to others.
    class Wait;
    Wait wait(Lock::Guard& guard) noexcept;

    // Lets the one that waits longest go on, or `count` of them. On another thread than theirs: std::logic_error.
    void notify(std::size_t count = 1) {
        waiting_.check_thread("Condition::notify");
        for (; count > 0 && !waiting_.empty(); --count) queue_for_lock(*waiting_.first());
    }
    void notify_all() {
        waiting_.check_thread("Condition::notify_all");
        while (!waiting_.empty()) queue_for_lock(*waiting_.first());
    }
    std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    inline void queue_for_lock(detail::ListWaiter& waiter) noexcept;

    detail::WaitList waiting_;
};

class [[nodiscard]] Condition::Wait : public detail::ListWaiter {
public:
    Wait(Condition& condition, Lock::Guard& guard) noexcept
        : ListWaiter(kind), condition_(condition), guard_(guard), lock_(guard.semaphore_) {}
    ~Wait() {
        if (granted_) lock_->give_back();  // the task ended before it could go on
    }

    // Resumed by the task's step, which is queued when the lock is its own again.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        if (lock_ == nullptr) throw std::logic_error("Condition::wait: the guard does not hold its lock");
        if (cancelled_before(*frame.promise().task)) return false;
        guard_.release();
        return wait_in(condition_.waiting_, where);
    }
    void await_resume() {
        if (granted_) {
            granted_ = false;
            guard_.semaphore_ = lock_;
            lock_->holder_ = task_->id();
        } else if (!interrupted_) {
            check();
        }
        if (interrupted_) task_->throw_cancelled();
    }

private:
    friend class Condition;

    // While it waits for the notification; while it waits for the lock there is nothing to cut short.
    static void cancelled(Suspension& suspension) noexcept {
        auto& self = static_cast<Wait&>(suspension);
        if (self.list_ != &self.condition_.waiting_) return;
        self.interrupted_ = true;
        self.condition_.queue_for_lock(self);
    }
    static void describe(const Suspension& suspension, WaitDescription& description) {
        const auto& self = static_cast<const Wait&>(suspension);
        if (self.list_ == &self.condition_.waiting_) return describe_wait(description, "a Condition to be notified");
        describe_wait(description, "the Lock of a Condition that was notified", self.lock_->holder_);
    }
    static constexpr WaitKind kind{&Wait::cancelled, &Wait::describe, nullptr, "condition"};

    void queue() noexcept {
        condition_.waiting_.take(*this);
        if (lock_->take()) {
            detail::WaitList::wake_granted(*this);
        } else {
            lock_->waiting_.add(*this);
        }
    }

    Condition& condition_;
    Lock::Guard& guard_;
    Semaphore* lock_;
};

inline void Condition::queue_for_lock(detail::ListWaiter& waiter) noexcept {
    static_cast<Wait&>(waiter).queue();
}

inline Condition::Wait Condition::wait(Lock::Guard& guard) noexcept {
    return Wait(*this, guard);
}

}  // namespace stepwise
