// WaitList: the tasks that wait for something inside the program, first come, first served.
//
// A waiter is the awaiter itself, in the waiting task's frame, so that to wait allocates nothing. Whoever grants what a
// waiter wants takes it off the list and wakes it; from then on it has it, whatever else happens: a cancellation that
// comes later is thrown at the next await. A list that ends with waiters in it wakes them with std::logic_error. One
// thread.
#pragma once

#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/task_base.hpp>

#include <cassert>
#include <stdexcept>

namespace stepwise::detail {

class WaitList;

// The await of one task. Linked while it waits.
class ListWaiter : public Suspension {
public:
    bool await_ready() const noexcept { return false; }

protected:
    friend class WaitList;

    explicit ListWaiter(const WaitKind& kind) noexcept : Suspension(kind) {}
    inline ~ListWaiter();

    // True: start nothing, the await throws.
    bool cancelled_before(TaskBase& task) noexcept {
        task_ = &task;
        if (!task.cancel_pending()) [[likely]]
            return false;
        return interrupted_ = true;
    }
    // It has what it asked for already. Returns whether to suspend all the same.
    bool granted_at_once() noexcept {
        granted_ = true;
        return task_->finished_at_once();
    }
    inline bool wait_in(WaitList& list, std::source_location where) noexcept;
    // Throws what the await is to throw, if anything.
    void check() const {
        if (granted_) [[likely]]
            return;
        if (interrupted_) task_->throw_cancelled();
        throw std::logic_error("what this task waited for was destroyed");
    }

    static inline void leave(Suspension& suspension) noexcept;

    // Both mean something within a list only. An await that need not wait pays for neither.
    ListWaiter* next_;
    ListWaiter* previous_;
    WaitList* list_ = nullptr;
    TaskBase* task_;  // who awaits; from await_suspend on
    bool interrupted_ = false;
    bool granted_ = false;
};

class WaitList {
public:
    WaitList() noexcept = default;
    WaitList(const WaitList&) = delete;
    WaitList& operator=(const WaitList&) = delete;
    ~WaitList() {
        while (ListWaiter* waiter = first_) {
            take(*waiter);
            if (waiter->task_->suspended()) waiter->task_->wakeup();
        }
    }

    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept {
        std::size_t count = 0;
        for (const ListWaiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) ++count;
        return count;
    }
    ListWaiter* first() const noexcept { return first_; }

    // Throws std::logic_error naming `call` where who waits belongs to the loop of another thread (law 5).
    void check_thread(const char* call) const {
        if (first_ != nullptr) first_->task_->task_scheduler().check_thread(call);
    }
    void add(ListWaiter& waiter) noexcept {
        waiter.list_ = this;
        waiter.next_ = nullptr;
        waiter.previous_ = last_;
        (last_ == nullptr ? first_ : last_->next_) = &waiter;
        last_ = &waiter;
    }
    void take(ListWaiter& waiter) noexcept {
        (waiter.previous_ == nullptr ? first_ : waiter.previous_->next_) = waiter.next_;
        (waiter.next_ == nullptr ? last_ : waiter.next_->previous_) = waiter.previous_;
        waiter.list_ = nullptr;
    }
    // It has what it waited for, and goes on in the next turn.
    void grant(ListWaiter& waiter) noexcept {
        take(waiter);
        wake_granted(waiter);
    }
    void grant_all() noexcept {
        while (first_ != nullptr) grant(*first_);
    }
    static void wake_granted(ListWaiter& waiter) noexcept {
        waiter.granted_ = true;
        waiter.task_->wakeup();
    }

private:
    ListWaiter* first_ = nullptr;
    ListWaiter* last_ = nullptr;
};

inline ListWaiter::~ListWaiter() {
    if (list_ != nullptr) list_->take(*this);
}

inline bool ListWaiter::wait_in(WaitList& list, std::source_location where) noexcept {
    list.add(*this);
    task_->suspend(*this, where);
    return true;
}

inline void ListWaiter::leave(Suspension& suspension) noexcept {
    auto& self = static_cast<ListWaiter&>(suspension);
    self.interrupted_ = true;
    self.list_->take(self);
    self.task_->wakeup();
}

}  // namespace stepwise::detail
