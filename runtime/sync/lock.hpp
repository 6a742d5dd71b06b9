// Lock: one task at a time, across awaits. Between two awaits a task has the loop to itself, and needs none.
//
//     auto guard = co_await lock.acquire();   // free again when `guard` ends
//
// Fair, not recursive: a task that acquires twice waits for itself. It must outlive its guard and those who wait. The
// loop's thread.
#pragma once

#include <stepwise/runtime/sync/semaphore.hpp>

namespace stepwise {

class Lock {
public:
    using Guard = Semaphore::Permit;

    // Cancel-safe: a cancelled acquire holds nothing.
    Semaphore::Acquire acquire() noexcept { return semaphore_.acquire(); }
    // Without waiting; nothing if it is held.
    Guard try_acquire() noexcept { return semaphore_.try_acquire(); }
    bool locked() const noexcept { return semaphore_.free() == 0; }

private:
    Semaphore semaphore_{1};
};

}  // namespace stepwise
