// The part of the loop that futures and tasks see: the ready queue, who runs now, and which thread may call.
//
// EventLoop is a Scheduler; this header is what lets Future and Task be read without it. One thread.
#pragma once

#include <stepwise/runtime/ready_queue.hpp>
#include <stepwise/runtime/trace/trace.hpp>

#include <cstdint>
#include <exception>
#include <string>

namespace stepwise {

class FutureBase;
class TaskBase;
struct CallFrame;
class Scheduler;

// A place in the circle of a loop's tasks, which the loop closes itself.
struct TaskLink {
    TaskLink* newer = this;
    TaskLink* older = this;
};

namespace detail {

inline constinit thread_local char thread_marker = 0;
// The loop whose turns this thread is in.
inline constinit thread_local Scheduler* running_scheduler = nullptr;

}  // namespace detail

class Scheduler {
public:
    Scheduler() noexcept : owner_thread_(&detail::thread_marker) {}
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // The tracer is told last: a tail call, so that whoever only enqueues needs no stack frame for it.
    void push_ready(ReadyNode& node) noexcept {
        ready_.push(node);
        if (tracer() != nullptr) [[unlikely]]
            trace::pushed(*tracer_, node);
    }

    bool has_tasks() const noexcept { return tasks_.older != &tasks_; }
    TaskBase* current_task() const noexcept { return current_task_; }
    // The loop is being closed: what is taken from the ready queue is destroyed, not run.
    bool discarding() const noexcept { return discarding_; }
    const ReadyQueue& ready_queue() const noexcept { return ready_; }
    // Whom to tell what happens; nullptr: nobody asked.
    trace::Tracer* tracer() const noexcept { return trace::compiled_in ? tracer_ : nullptr; }
    bool on_owner_thread() const noexcept { return owner_thread_ == &detail::thread_marker; }

    // Throws std::logic_error naming `call` when this is not the loop's thread (law 5).
    void check_thread(const char* call) const {
        if (detail::running_scheduler != this && !on_owner_thread()) [[unlikely]]
            throw_wrong_thread(call);
    }

    // Tells the loop's exception handler, or stderr where no loop runs, about an error that nobody will look at.
    static void report_lost(std::exception_ptr error, const std::string& where) noexcept;

protected:
    ~Scheduler() = default;

    [[noreturn]] static void throw_wrong_thread(const char* call);

    friend class TaskBase;

    ReadyQueue ready_;
    trace::Tracer* tracer_ = nullptr;
    TaskBase* current_task_ = nullptr;
    CallFrame* next_frame_ = nullptr;  // of the step that runs: the frame that is called, or returned to
    int budget_ = 0;                   // of the step that runs
    int eager_depth_ = 0;              // steps that run inside of another one
    TaskLink tasks_;                   // all that are not done: the newest is the one that is older than this
    std::uint32_t tasks_made_ = 0;
    std::uint32_t turn_ms_ = 0;  // when this turn began, from the loop's own beginning; kept in debug mode only
    bool discarding_ = false;
    bool unusual_ = false;      // discarding_, or a tracer: a step looks further
    bool watched_ = false;      // in debug mode, or traced: a turn, and a task that suspends, tell what they do
    const void* owner_thread_;  // the address of that thread's marker
};

}  // namespace stepwise
