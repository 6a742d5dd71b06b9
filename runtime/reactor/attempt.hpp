// The system call of an Operation, made at once: what a reactor of readiness does, and a thread that runs a file's I/O.
//
// recv and send never block. For accept, connect, read and write that is the descriptor's own O_NONBLOCK. No state; any
// thread.
#pragma once

#include <stepwise/runtime/reactor/operation.hpp>

namespace stepwise {

// What the call returned, or minus an errno; repeated when a signal interrupts it. -EAGAIN: not now, wait for readiness
// (a connect to a Unix socket answers it too when the backlog is full, which nothing announces the end of).
// -EINPROGRESS, of connect only: wait until the socket is writable, then ask connect_outcome. poll is a look without
// waiting: -EAGAIN if nothing of the mask is ready.
int attempt(const Operation& operation) noexcept;

// 0 or minus the errno of a connect that was in progress.
int connect_outcome(int socket) noexcept;

// A new socket, non-blocking and close-on-exec, or minus an errno. Connections that were lost while they waited are
// passed over.
int accept_next(int socket) noexcept;

}  // namespace stepwise
