// How another thread, or a signal, ends the wait of a loop. While the loop watches descriptors the bell is an eventfd
// among them; while it watches none it sleeps on a futex(2), which wakes it about a microsecond sooner.
#pragma once

#include <stepwise/runtime/unique_fd.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace stepwise {

class Doorbell {
public:
    // Throws std::system_error.
    Doorbell();

    // An eventfd that nobody reads: it has to be watched edge-triggered, each ring is an edge.
    int fd() const noexcept { return eventfd_.get(); }

    // Any thread, also in a signal handler: `errno` stays as it is.
    void ring() noexcept;

    // ThreadSanitizer hands a signal on from calls that it knows to block, of which syscall(2) is none: a loop that
    // slept on the futex would never hear of it.
#if defined(__SANITIZE_THREAD__)
    static constexpr bool serves_loops = false;
#else
    static constexpr bool serves_loops = true;
#endif

    // The loop's thread, while nothing but a ring can matter to it. Returns at a ring, after `timeout` (nullopt: no
    // limit), at a signal, and at once where it was rung since the last wait.
    void wait(std::optional<std::chrono::nanoseconds> timeout) noexcept;

private:
    enum State : std::uint32_t { awake, sleeps, rung };

    UniqueFd eventfd_;
    std::atomic<std::uint32_t> state_{awake};
};

}  // namespace stepwise
