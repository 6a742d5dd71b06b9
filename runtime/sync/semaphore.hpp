// Semaphore: so many may do something at once; the others wait, first come, first served.
//
//     auto permit = co_await semaphore.acquire();   // given back when `permit` ends
//
// A permit that is given back goes straight to whoever waits longest, so that nobody overtakes. It must outlive its
// permits and those who wait. The loop's thread.
#pragma once

#include <stepwise/runtime/sync/wait_list.hpp>

#include <utility>

namespace stepwise {

class Semaphore {
public:
    // The right to do it; or, moved from or released, nothing.
    class [[nodiscard]] Permit {
    public:
        Permit() noexcept = default;
        Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
        Permit& operator=(Permit&& other) noexcept {
            if (this != &other) {
                release();
                semaphore_ = std::exchange(other.semaphore_, nullptr);
            }
            return *this;
        }
        ~Permit() { release(); }

        explicit operator bool() const noexcept { return semaphore_ != nullptr; }
        // Gives it back before its end.
        void release() noexcept {
            if (semaphore_ != nullptr) std::exchange(semaphore_, nullptr)->give_back();
        }

    private:
        friend class Semaphore;
        friend class Condition;
        explicit Permit(Semaphore& semaphore) noexcept : semaphore_(&semaphore) {}
        Semaphore* semaphore_ = nullptr;
    };

    // None: all wait until somebody gives one back, which nobody can.
    explicit Semaphore(std::size_t permits) noexcept : free_(permits), has_one_(permits == 1) {}

    // Cancel-safe: a cancelled acquire holds nothing.
    class Acquire;
    Acquire acquire() noexcept;
    // Without waiting; nothing if there is none free.
    Permit try_acquire() noexcept {
        if (!take()) return Permit();
        const TaskBase* task =
            detail::running_scheduler == nullptr ? nullptr : detail::running_scheduler->current_task();
        holder_ = task == nullptr ? 0 : task->id();
        return Permit(*this);
    }

    std::size_t free() const noexcept { return free_; }
    std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    friend class Condition;

    bool take() noexcept {
        if (free_ == 0) return false;
        --free_;
        return true;
    }
    void give_back() noexcept {
        if (detail::ListWaiter* first = waiting_.first()) {
            waiting_.grant(*first);
        } else {
            ++free_;
        }
    }

    std::size_t free_;
    std::uint32_t holder_ = 0;  // the id of the task that got the last permit; 0: none did
    bool has_one_;              // permit: then who got it last has it
    detail::WaitList waiting_;
};

class [[nodiscard]] Semaphore::Acquire : public detail::ListWaiter {
public:
    explicit Acquire(Semaphore& semaphore) noexcept : ListWaiter(kind), semaphore_(semaphore) {}
    ~Acquire() {
        if (granted_) semaphore_.give_back();  // the task ended before it could take it
    }

    // Resumed by the task's step, which the permit's last holder queues.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) noexcept {
        if (cancelled_before(*frame.promise().task)) return false;
        return semaphore_.take() ? granted_at_once() : wait_in(semaphore_.waiting_, where);
    }
    Permit await_resume() {
        check();
        granted_ = false;
        semaphore_.holder_ = task_->id();
        return Permit(semaphore_);
    }

private:
    static void describe(const Suspension& suspension, WaitDescription& description) {
        const Semaphore& semaphore = static_cast<const Acquire&>(suspension).semaphore_;
        describe_wait(description, "a Lock, or a Semaphore's permit", semaphore.has_one_ ? semaphore.holder_ : 0);
    }
    static constexpr WaitKind kind{&Acquire::leave, &Acquire::describe, nullptr, "semaphore"};

    Semaphore& semaphore_;
};

inline Semaphore::Acquire Semaphore::acquire() noexcept {
    return Acquire(*this);
}

}  // namespace stepwise
