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
#include <stepwise/runtime/future_base.hpp>
#include <stepwise/runtime/scheduler.hpp>
#include <stepwise/runtime/suspension.hpp>

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

namespace stepwise {

// What ends a frame with itself: a Coro, or a task for its root. It stays where it is from the start of its frame to
// that frame's end.
struct FrameOwner {
    std::coroutine_handle<> frame;
};

// One frame in a task's chain of calls, from the innermost to the root. The promise of every Coro is one.
struct CallFrame {
    CallFrame* parent = nullptr;  // who awaits this frame; none for a task's root
    TaskBase* task = nullptr;     // the three are set when the frame starts
    FrameOwner* owner = nullptr;
    std::source_location at;  // before the start: the function; then: where in it the last await suspended
};

// Of a promise, whose frame begins two pointers before it.
inline constexpr std::size_t frame_alignment_max = 2 * sizeof(void*);

class CancelShield;

namespace detail {
class Context;
struct TaskExtras;
// For await_chain; nothing outside of debug mode.
void note_failed_frame(const CallFrame& frame, const std::exception_ptr& error) noexcept;
}  // namespace detail

// When a new task takes its first step: in the next turn, or within create_task, up to its first wait. An eager start
// that finds eager_depth_max others under way on the machine stack is put off to the next turn.
enum class Start : std::uint8_t { soon, eagerly };

class TaskBase : public FutureBase, public ReadyNode, private TaskLink {
public:
    // Frames that a step resumes, and awaits that finish at once, before the task lets others run (law 8). The await of
    // a Coro counts twice: its begin, and its end.
    static constexpr int awaits_per_step_max = 1000;
    // Eager starts within eager starts; what goes deeper starts soon.
    static constexpr int eager_depth_max = 32;

    std::string name() const;  // "Task-7" unless set
    void set_name(std::string name);
    // Counts the loop's tasks; begins anew after 2^32.
    std::uint32_t id() const noexcept { return id_; }
    bool is_newer_than(std::uint32_t id) const noexcept { return static_cast<std::int32_t>(id_ - id) > 0; }

    // Asks the task to stop: CancelledError is thrown at the await where it is, or at its next one. False if it is
    // done. The first reason is the one that is told. `within`: who asks is in that shield's scope; nullptr: in none.
    bool request_cancel(std::string reason = {}, const CancelShield* within = nullptr);
    // Before its first step: that one runs even if the task is cancelled by then, so that an end which must be told at
    // least begins. Its awaits throw as any other's.
    void start_even_if_cancelled() noexcept { started_ = true; }
    // Takes one request back that was made in the innermost shield's scope. Returns how many are left of those.
    int uncancel() noexcept;
    // Takes one back that was made in no shield's scope, as request_cancel makes it by default; it may be held back.
    // Returns how many are left in all.
    int uncancel_outside() noexcept;
    // How many requests have not been taken back; of those that a shield holds back, only cancelling_in_all tells.
    int cancelling() const noexcept { return cancelling_; }
    int cancelling_in_all() const noexcept;
    std::string cancel_reason() const;
    const CancelShield* innermost_shield() const noexcept { return shield_; }

    // Whether what is made and queued now inherits nothing, and nobody is told of it.
    static bool starts_plainly(const Scheduler& scheduler) noexcept {
        return scheduler.tracer() == nullptr && inherits_nothing(scheduler);
    }

    // For awaiters, from await_suspend, on this task's own step:
    // True: do not wait, throw CancelledError from await_resume.
    bool cancel_pending() const noexcept { return cancelling_ != 0; }
    // Inline, since a throw costs thousands of instructions for each frame of the machine stack that it leaves.
    [[noreturn, gnu::always_inline]] void throw_cancelled() { throw begin_cancelled_throw(); }
    // The same for one that was thrown before, held back and is passed on now.
    [[noreturn, gnu::always_inline]] void throw_cancelled_on() { throw cancelled_error(); }
    // The frame that awaits, at `where`, has suspended; `by` will call wakeup(), from the loop's thread, once.
    void suspend(Suspension& by, std::source_location where) noexcept {
        waiting_for_ = &by;
        leaf_->at = where;
        if (scheduler().watched_) [[unlikely]]
            tell_suspended();
    }
    // The await is finished already. Returns whether to suspend all the same, since the step's budget is used up; the
    // task is queued again then.
    bool finished_at_once() noexcept {
        if (--scheduler().budget_ <= 0) [[unlikely]]
            return queue_again();
        return false;
    }
    // The frame that awaits, at `where`, has suspended, and lets everything that is ready run first.
    void yield(Suspension& by, std::source_location where) noexcept {
        if (scheduler().watched_) [[unlikely]] {
            suspend(by, where);
            return wakeup();
        }
        leaf_->at = where;
        scheduler().ready_.push(*this);
    }
    // The next frame to resume: a child that is called, or the parent that a frame returns to.
    void continue_with(CallFrame& frame) noexcept { scheduler().next_frame_ = &frame; }
    // The root frame has reached its end.
    void root_returned() noexcept { leaf_ = nullptr; }

    // A frame ends with an exception, or cancelled. It is kept here until the frame that awaits it asks for it.
    void frame_failed(const CallFrame& frame, std::exception_ptr error) noexcept {
        error_ = std::move(error);
        frame_end_ = FrameEnd::failed;
        if (scheduler().watched_) [[unlikely]]
            detail::note_failed_frame(frame, error_);
    }
    void frame_cancelled() noexcept { frame_end_ = FrameEnd::cancelled; }
    // Throws what the frame that ended last ended with, if anything; once.
    void rethrow_frame_end() {
        if (frame_end_ == FrameEnd::returned) [[likely]]
            return;
        bool cancelled = frame_end_ == FrameEnd::cancelled;
        frame_end_ = FrameEnd::returned;
        if (cancelled) throw_cancelled_on();
        std::rethrow_exception(std::exchange(error_, nullptr));
    }

    //[ wakeup
    void wakeup() noexcept {
        assert(waiting_for_ != nullptr && "a task is woken once for each time it suspends");
        waiting_for_ = nullptr;
        scheduler().push_ready(*this);
    }
    //]

    // The values of its ContextVars; inherited from the task that made this one. May be nullptr.
    std::shared_ptr<detail::Context> context() const noexcept;
    void set_context(std::shared_ptr<detail::Context> context);

    Scheduler& task_scheduler() const noexcept { return scheduler(); }
    bool suspended() const noexcept { return waiting_for_ != nullptr; }
    // The next older one of its loop's, or nullptr.
    TaskBase* next_task() const noexcept { return task_at(scheduler(), older); }
    static TaskBase* newest(const Scheduler& loop) noexcept { return task_at(loop, loop.tasks_.older); }

    // For those who look at it from outside: what it waits for, its innermost frame, and when that began.
    const Suspension* waiting_for() const noexcept { return waiting_for_; }
    const CallFrame* innermost_frame() const noexcept { return leaf_; }
    std::uint32_t since_ms() const noexcept { return since_ms_; }

    // Ends a task that the loop will not run any more: its frames are destroyed, its future is cancelled.
    void destroy_pending() noexcept;

protected:
    TaskBase(Scheduler& scheduler, Destroy destroy, ReadyNode::Run run_step, std::source_location made_at) noexcept
        : FutureBase(scheduler, destroy, made_at, true),
          ReadyNode(run_step),
          TaskLink{nullptr, nullptr},
          id_(++scheduler.tasks_made_) {}
    ~TaskBase() { assert(waiting_for_ == nullptr); }

    bool ends_plainly() const noexcept { return FutureBase::ends_plainly() && extras_ == nullptr; }
    void end_rest() noexcept;

    // What a task takes over from the one that makes it. std::bad_alloc.
    static bool inherits_nothing(const Scheduler& scheduler) noexcept {
        return scheduler.current_task_ == nullptr || scheduler.current_task_->extras_ == nullptr;
    }
    void inherit();
    static std::coroutine_handle<> handle_of(CallFrame& frame) noexcept {
        return std::coroutine_handle<CallFrame>::from_promise(frame);
    }

    // Counts among the loop's tasks from here on.
    void enter(std::coroutine_handle<> root, CallFrame& frame) noexcept {
        root_.frame = root;
        frame.task = this;
        frame.owner = &root_;
        leaf_ = &frame;
        Scheduler& loop = scheduler();
        newer = &loop.tasks_;
        older = loop.tasks_.older;
        older->newer = loop.tasks_.older = this;
        retain();  // the loop's own reference, until the task is done
    }
    // Is queued for its first step, where starts_plainly.
    void start_plainly() noexcept { scheduler().ready_.push(*this); }
    // The same, told if somebody wants to know; or takes it now.
    void start(Start when) noexcept;

    // One step. True: the root frame has ended, and the heir is to take its result and then call end().
    [[gnu::always_inline]] bool step() noexcept {
        Scheduler& loop = scheduler();
        if (cancelling_ != 0 || loop.unusual_) [[unlikely]] {
            if (!may_step()) return false;
            if (loop.tracer() != nullptr) return step_traced();
        }
        started_ = true;
        //[ step
        loop.current_task_ = this;
        loop.budget_ = awaits_per_step_max;
        do {
            loop.next_frame_ = nullptr;
            handle_of(*leaf_).resume();
            if (loop.next_frame_ == nullptr) {
                loop.current_task_ = nullptr;
                return leaf_ == nullptr;
            }
            leaf_ = loop.next_frame_;
        } while (--loop.budget_ > 0);
        loop.current_task_ = nullptr;
        loop.push_ready(*this);
        return false;
        //]
    }
    // The root frame, which is the only one left, ends; the future is done; the loop lets go of the task.
    void end(State state) noexcept {
        std::exchange(root_.frame, nullptr).destroy();
        leave_tasks();
        finish(state);
        release();
    }

    bool returned() const noexcept { return frame_end_ == FrameEnd::returned; }
    bool was_cancelled() const noexcept { return frame_end_ == FrameEnd::cancelled; }
    std::coroutine_handle<> root_frame() const noexcept { return root_.frame; }

private:
    friend class CancelShield;

    bool queue_again() noexcept;
    void run_inside() noexcept;
    void tell_suspended() noexcept;
    CancelledError begin_cancelled_throw();
    void interrupt_wait() noexcept;
    void destroy_frames() noexcept;
    void leave_tasks() noexcept {
        newer->older = older;
        older->newer = newer;
    }
    static TaskBase* task_at(const Scheduler& loop, TaskLink* link) noexcept {
        return link == &loop.tasks_ ? nullptr : static_cast<TaskBase*>(link);
    }
    bool may_step() noexcept;
    bool step_traced() noexcept;
    detail::TaskExtras& extras();

    std::uint32_t id_;
    std::uint32_t since_ms_ = 0;
    CallFrame* leaf_ = nullptr;  // the innermost frame, or none: the root has returned, or was destroyed
    Suspension* waiting_for_ = nullptr;
    detail::TaskExtras* extras_ = nullptr;  // what few tasks have
    CancelShield* shield_ = nullptr;        // the innermost
    FrameOwner root_;
};

inline TaskBase* FutureBase::as_task() noexcept {
    return is_task_ ? static_cast<TaskBase*>(this) : nullptr;
}
inline const TaskBase* FutureBase::as_task() const noexcept {
    return is_task_ ? static_cast<const TaskBase*>(this) : nullptr;
}

// While it lives, in a frame of the task, the task is not disturbed by requests from outside: they are held back, and
// come into force at its end. Those of a timeout within it work as ever. Shields end in the reverse of their order.
class CancelShield {
public:
    explicit CancelShield(TaskBase& task) noexcept
        : task_(task),
          outer_(task.shield_),
          held_back_(std::exchange(task.cancelling_, std::int16_t{0})),
          thrown_(task.cancel_thrown_) {
        task.cancel_thrown_ = false;
        task.shield_ = this;
    }
    CancelShield(const CancelShield&) = delete;
    CancelShield& operator=(const CancelShield&) = delete;
    ~CancelShield() {
        task_.shield_ = outer_;
        constexpr int most = std::numeric_limits<std::int16_t>::max();
        const int requests = task_.cancelling_ + held_back_;
        task_.cancelling_ = static_cast<std::int16_t>(requests < most ? requests : most);
        task_.cancel_thrown_ = thrown_;
    }

private:
    friend class TaskBase;
    TaskBase& task_;
    CancelShield* outer_;
    std::int16_t held_back_;  // requests whose scope is just outside of this one
    bool thrown_;
};

}  // namespace stepwise
