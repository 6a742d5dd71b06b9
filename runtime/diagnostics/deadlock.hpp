// When tasks are left and nothing that the loop knows of could wake one: who waits for whom.
//
// Certain where this thread is the only one; else another thread may still post, and the report says "perhaps".
#pragma once

#include <stepwise/runtime/diagnostics/lint.hpp>

#include <atomic>

namespace stepwise {

class EventLoop;

namespace detail {

// Threads of the runtime's that post nothing of their own accord: of pools, and those that watch for stalls. A count,
// since a name, or the like, is inherited by the threads that a job makes.
inline constinit std::atomic<int> quiet_threads = 0;

// But for those, and the kernel's own (io_uring's workers).
bool is_only_thread();
// With the cycle of waits, if there is one; else what each task waits for.
Lint deadlock_lint(EventLoop& loop, bool certain);

}  // namespace detail

// The tasks that the loop's end destroys while they wait.
void report_destroyed_pending(EventLoop& loop) noexcept;

}  // namespace stepwise
