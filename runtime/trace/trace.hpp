// What the core tells a loop's tracer. This header is all of runtime/trace that the core knows.
//
// A loop has a tracer when STEPWISE_TRACE was set as it was made; else the pointer is nullptr and each place costs one
// test. Every function here is out of line, never throws and allocates nothing. An event names the event that caused
// it: while a handle runs, a timer fires or a future tells its waiters, that is the cause of all that happens. The
// loop's thread, but for what says otherwise. Compiled out with -Dtrace=disabled (STEPWISE_NO_TRACE).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace stepwise {

class EventLoop;
class FutureBase;
class Scheduler;
class TaskBase;
struct CallFrame;
struct Operation;
struct ReadyNode;
struct Suspension;
struct Timer;

namespace trace {

class Tracer;

#ifdef STEPWISE_NO_TRACE
inline constexpr bool compiled_in = false;
#else
inline constexpr bool compiled_in = true;
#endif

enum class Phase : std::uint8_t { flush, poll, arrivals, timers, run };

// How many loops of the process are traced: for what may outlive its loop.
inline constinit std::atomic<int> tracers = 0;
inline bool any() noexcept {
    return compiled_in && tracers.load(std::memory_order_relaxed) != 0;
}

// The tracer that STEPWISE_TRACE (file:PATH, unix:PATH) asks for, or nullptr. What is wrong with it is one line on
// stderr.
Tracer* begin(EventLoop& loop) noexcept;
// The loop has ended: what is not written yet is, and the tracer ends.
void end(Tracer* tracer) noexcept;

// Turns and handles.
void turn_begin(Tracer& tracer) noexcept;
void turn_end(Tracer& tracer) noexcept;
void phase(Tracer& tracer, Phase phase) noexcept;
// `timeout_ns`: -1 for none.
void select_enter(Tracer& tracer, std::int64_t timeout_ns) noexcept;
void select_exit(Tracer& tracer) noexcept;
void pushed(Tracer& tracer, const ReadyNode& node) noexcept;
void pushed_at(Tracer& tracer, const ReadyNode& node, std::source_location at) noexcept;
void pushed_before_poll(Tracer& tracer, const ReadyNode& node) noexcept;
void handle_cancelled(Tracer& tracer, const ReadyNode& node) noexcept;
// Between two handles: `next` is about to run, and what hangs behind it.
void between(Tracer& tracer, const ReadyNode& next) noexcept;
// Runs it. Throws what it throws.
void run(Tracer& tracer, ReadyNode& node);

void woken_by_signal(Tracer& tracer) noexcept;

// Other threads: any thread may call the first three. What they told is written by the loop's own, at take_foreign.
// A job is known by the node that returns it to the loop.
void threadsafe_pushed(Tracer& tracer, const ReadyNode& node) noexcept;
void job_started(Tracer& tracer, const ReadyNode& job) noexcept;
void job_ended(Tracer& tracer, const ReadyNode& job) noexcept;
void job_submitted(Tracer& tracer, const ReadyNode& job) noexcept;
void take_foreign(Tracer& tracer) noexcept;

// Requests to the kernel.
void operation_began(Tracer& tracer, const Operation& operation) noexcept;
void operation_abandoned(Tracer& tracer, const Operation& operation) noexcept;
// Completes it.
void complete(Tracer& tracer, Operation& operation) noexcept;
// epoll: what a descriptor is ready for.
void ready(Tracer& tracer, int fd, std::uint32_t mask) noexcept;

// Bytes and messages: their sizes, and with STEPWISE_TRACE_PAYLOAD=1 their beginnings.
enum class Way : std::uint8_t { in, out };
void watched(Tracer& tracer, int fd, std::uint32_t mask) noexcept;
void unwatched(Tracer& tracer, int fd) noexcept;
void bytes(Tracer& tracer, int fd, Way way, std::size_t count) noexcept;
// in: we stop reading; out: who writes should wait. `queued`: bytes that wait to be sent.
void paused(Tracer& tracer, int fd, Way way, std::size_t queued) noexcept;
void resumed(Tracer& tracer, int fd, Way way, std::size_t queued) noexcept;
void ws_frame(Tracer& tracer, Way way, std::uint8_t opcode, std::string_view payload) noexcept;
void ws_close(Tracer& tracer, Way way, int code) noexcept;

// A lint was raised, on whatever loop runs on this thread.
void linted(const char* rule, const std::string& cause) noexcept;

// Timers.
void timer_added(Tracer& tracer, const Timer& timer, std::int64_t due_ns) noexcept;
void timer_removed(Tracer& tracer, const Timer& timer) noexcept;
// Fires it.
void fire(Tracer& tracer, Timer& timer) noexcept;
// The next timer that is added, or handle that is pushed, was asked for here.
void asked_at(Tracer& tracer, std::source_location at) noexcept;

// Futures and tasks.
void future_made(Tracer& tracer, const FutureBase& future) noexcept;
void future_done(Tracer& tracer, const FutureBase& future) noexcept;
void future_retrieved(const FutureBase& future) noexcept;
void future_dropped(const Scheduler* scheduler, const FutureBase& future) noexcept;
void callback_added(Tracer& tracer, const FutureBase& future) noexcept;
void task_made(Tracer& tracer, const TaskBase& task) noexcept;
void task_named(Tracer& tracer, const TaskBase& task, const char* name) noexcept;
void step_begin(Tracer& tracer, const TaskBase& task) noexcept;
void step_end(Tracer& tracer, const TaskBase& task, bool done) noexcept;
void awaits(Tracer& tracer, const TaskBase& task) noexcept;
void cancel_requested(Tracer& tracer, const TaskBase& task) noexcept;
// The step goes on with `next`, which is called by `frame`, or to which `frame` returns; nullptr: the root has ended.
void frame_changed(Tracer& tracer, const CallFrame& frame, const CallFrame* next) noexcept;
void frame_destroyed(Tracer& tracer, const CallFrame& frame) noexcept;

// While it lives, what happens was caused by the event that came last.
class Caused {
public:
    explicit Caused(Tracer& tracer) noexcept;
    Caused(const Caused&) = delete;
    Caused& operator=(const Caused&) = delete;
    ~Caused();

private:
    Tracer& tracer_;
    std::uint64_t outer_;
};

}  // namespace trace

}  // namespace stepwise
