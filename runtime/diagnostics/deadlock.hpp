// When tasks are left and nothing that the loop knows of could wake one: who waits for whom.
//
// Certain where this thread is the only one; else another thread may still post, and the report says "perhaps".
#pragma once

#include <stepwise/runtime/diagnostics/lint.hpp>

namespace stepwise {

class EventLoop;

namespace detail {

// But for threads of the kernel (io_uring's workers) and of the runtime itself.
bool is_only_thread();
// With the cycle of waits, if there is one; else what each task waits for.
Lint deadlock_lint(EventLoop& loop, bool certain);

}  // namespace detail

// The tasks that the loop's end destroys while they wait.
void report_destroyed_pending(EventLoop& loop) noexcept;

}  // namespace stepwise
