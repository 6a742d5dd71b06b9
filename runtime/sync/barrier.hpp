// Barrier: tasks wait for each other; when so many have come, all go on, and it is as new.
//
//     Barrier barrier(3);
//     bool is_last = co_await barrier.wait();   // in each of three tasks
//     if (is_last) sum_up();
//
// A task that is cancelled while it waits has not come. It must outlive those who wait. The loop's thread.
#pragma once

#include <stepwise/runtime/sync/wait_list.hpp>

namespace stepwise {

class Barrier {
public:
    // At least one: std::invalid_argument.
    explicit Barrier(std::size_t parties) : parties_(parties) {
        if (parties == 0) throw std::invalid_argument("Barrier: the number of parties must be at least 1");
    }

    // Gives true to one of the parties, the one that came last, for what is to be done once. Cancel-safe.
    class Wait;
    Wait wait() noexcept;

    std::size_t parties() const noexcept { return parties_; }
    std::size_t waiting() const noexcept { return waiting_; }

private:
    std::size_t parties_;
    std::size_t waiting_ = 0;
    detail::WaitList list_;
};

class [[nodiscard]] Barrier::Wait : public detail::ListWaiter {
public:
    explicit Wait(Barrier& barrier) noexcept : ListWaiter(kind), barrier_(barrier) {}
    ~Wait() {
        if (list_ != nullptr) --barrier_.waiting_;
    }

    // Resumed by the task's step, which the last one to come queues.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) noexcept {
        if (cancelled_before(*frame.promise().task)) return false;
        if (barrier_.waiting_ + 1 < barrier_.parties_) {
            ++barrier_.waiting_;
            return wait_in(barrier_.list_, where);
        }
        is_last_ = true;
        barrier_.waiting_ = 0;
        barrier_.list_.grant_all();
        return granted_at_once();
    }
    bool await_resume() const {
        check();
        return is_last_;
    }

private:
    static void cancelled(Suspension& suspension) noexcept {
        --static_cast<Wait&>(suspension).barrier_.waiting_;
        leave(suspension);
    }

    static void describe(const Suspension& suspension, WaitDescription& description) {
        const Barrier& barrier = static_cast<const Wait&>(suspension).barrier_;
        describe_wait(description, "a Barrier where " + std::to_string(barrier.waiting_) + " of " +
                                       std::to_string(barrier.parties_) + " have come");
    }
    static constexpr WaitKind kind{&Wait::cancelled, &Wait::describe, nullptr, "barrier"};

    Barrier& barrier_;
    bool is_last_ = false;
};

inline Barrier::Wait Barrier::wait() noexcept {
    return Wait(*this);
}

}  // namespace stepwise
