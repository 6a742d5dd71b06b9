// The moving part of a Task: a trampoline that resumes one frame after the other, and a wakeup that queues it.
//
// `leaf_` is the innermost frame. Awaiting a child Coro makes the child the next frame and returns here; its end makes
// the parent the next frame (law 1): the machine stack never grows with the depth of awaits, in any build. When no
// frame is next, the task has suspended, and what it waits for calls wakeup(), which only queues the step (law 2).
//
// Cancellation is a level, not an edge: while cancelling() is not zero every await throws CancelledError (law 7). A
// CancelShield holds back what is asked for from outside of it.
#pragma once

#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/scheduler.hpp>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace stepwise {

// What a suspended task waits for. It lives in the awaiter, in the task's frame, while the task is suspended there.
struct Suspension {
    // Asks it to end early: wakeup() follows, at once or later. Called at most once a suspension.
    using Cancel = void (*)(Suspension&) noexcept;

    explicit Suspension(Cancel on_cancel) noexcept : cancel(on_cancel) {}
    Suspension(const Suspension&) = delete;
    Suspension& operator=(const Suspension&) = delete;

    Cancel cancel;
};

// What ends a frame with itself: a Coro. It stays where it is from the start of its frame to that frame's end.
struct FrameOwner {
    std::coroutine_handle<> frame;
};

// One frame in a task's chain of calls, from the innermost to the root. The promise of every Coro is one.
struct CallFrame {
    CallFrame* parent = nullptr;  // who awaits this frame; none for a task's root
    TaskBase* task = nullptr;     // the three are set when the frame starts
    FrameOwner* owner = nullptr;
};

class CancelShield;

namespace detail {
class Context;
}

class TaskBase : public ReadyNode {
public:
    // Frames that a step resumes, and awaits that finish at once, before the task lets others run (law 8). The await of
    // a Coro counts twice: its begin, and its end.
    static constexpr int awaits_per_step_max = 1000;

    std::string name() const;  // "Task-7" unless set
    void set_name(std::string name) { name_ = std::make_unique<std::string>(std::move(name)); }
    std::uint64_t id() const noexcept { return id_; }

    // Asks the task to stop: CancelledError is thrown at the await where it is, or at its next one. False if it is
    // done. The first reason is the one that is told. `within`: who asks is in that shield's scope; nullptr: in none.
    bool request_cancel(std::string reason = {}, const CancelShield* within = nullptr);
    // Before its first step: that one runs even if the task is cancelled by then, so that an end which must be told at
    // least begins. Its awaits throw as any other's.
    void start_even_if_cancelled() noexcept { started_ = true; }
    // Takes one request back. Returns how many are left.
    int uncancel() noexcept;
    // How many requests have not been taken back; of those that a shield holds back, only cancelling_in_all tells.
    int cancelling() const noexcept { return cancelling_; }
    int cancelling_in_all() const noexcept;
    const CancelShield* innermost_shield() const noexcept { return shield_; }

    // For awaiters, from await_suspend, on this task's own step:
    // True: do not wait, throw CancelledError from await_resume.
    bool cancel_pending() const noexcept { return cancelling_ != 0; }
    // Inline, since a throw costs thousands of instructions for each frame of the machine stack that it leaves.
    [[noreturn, gnu::always_inline]] void throw_cancelled() const { throw cancelled_error(); }
    // The frame that awaits has suspended; `by` will call wakeup(), from the loop's thread, once.
    void suspend(Suspension& by) noexcept { waiting_for_ = &by; }
    // The await is finished already. Returns whether to suspend all the same, since the step's budget is used up; the
    // task is queued again then.
    bool finished_at_once() noexcept;
    // The next frame to resume: a child that is called, or the parent that a frame returns to.
    void continue_with(CallFrame& frame) noexcept { next_frame_ = &frame; }
    // The root frame has reached its end.
    void root_returned() noexcept { root_done_ = true; }

    void wakeup() noexcept;

    // The values of its ContextVars; inherited from the task that made this one.
    std::shared_ptr<detail::Context>& context() noexcept { return context_; }

    Scheduler& task_scheduler() const noexcept { return *scheduler_; }
    bool suspended() const noexcept { return waiting_for_ != nullptr; }
    TaskBase* next_task() const noexcept { return next_task_; }

    // Ends a task that the loop will not run any more: its frames are destroyed, its future is cancelled.
    virtual void destroy_pending() noexcept = 0;

protected:
    explicit TaskBase(Scheduler& scheduler) noexcept : ReadyNode(&TaskBase::run_step), scheduler_(&scheduler) {}
    virtual ~TaskBase();

    // Counts among the loop's tasks from here on, and is queued for its first step.
    void start(CallFrame& root) noexcept;

    // The result is taken from the root frame, the frame ends, the future is done.
    virtual void finish_root() noexcept = 0;
    // As finish_root, for a task that was cancelled before its first step.
    virtual void finish_unstarted() noexcept = 0;

    // From the innermost outwards: however many there are, the machine stack does not grow, and what a frame has
    // borrowed from its caller is still there.
    void destroy_frames() noexcept;
    void leave_queues() noexcept;

private:
    friend class CancelShield;

    static void run_step(ReadyNode& node) noexcept;
    void step() noexcept;
    CancelledError cancelled_error() const;
    void interrupt_wait() noexcept;

    CallFrame* leaf_ = nullptr;
    CallFrame* next_frame_ = nullptr;
    Suspension* waiting_for_ = nullptr;
    Scheduler* scheduler_;
    TaskBase* next_task_ = nullptr;
    TaskBase* previous_task_ = nullptr;
    std::unique_ptr<std::string> name_;
    std::unique_ptr<std::string> cancel_reason_;
    std::shared_ptr<detail::Context> context_;
    CancelShield* shield_ = nullptr;  // the innermost
    std::uint64_t id_ = 0;
    int cancelling_ = 0;
    std::int16_t budget_ = 0;
    bool started_ = false;
    bool root_done_ = false;
};

// While it lives, in a frame of the task, the task is not disturbed by requests from outside: they are held back, and
// come into force at its end. Those of a timeout within it work as ever. Shields end in the reverse of their order.
class CancelShield {
public:
    explicit CancelShield(TaskBase& task) noexcept
        : task_(task), outer_(task.shield_), held_back_(std::exchange(task.cancelling_, 0)) {
        task.shield_ = this;
    }
    CancelShield(const CancelShield&) = delete;
    CancelShield& operator=(const CancelShield&) = delete;
    ~CancelShield() {
        task_.shield_ = outer_;
        task_.cancelling_ += held_back_;
    }

private:
    friend class TaskBase;
    TaskBase& task_;
    CancelShield* outer_;
    int held_back_;  // requests whose scope is just outside of this one
};

}  // namespace stepwise
