#include <stepwise/runtime/reactor/doorbell.hpp>

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

namespace stepwise {

// What futex(2) sleeps on is the word itself.
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "a signal handler rings");

Doorbell::Doorbell() : eventfd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!eventfd_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Doorbell::ring() noexcept {
    int errno_before = errno;
    if (state_.exchange(rung, std::memory_order_seq_cst) == sleeps) {
        ::syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    } else {
        std::uint64_t one = 1;
        static_cast<void>(!::write(eventfd_.get(), &one, sizeof one));
    }
    errno = errno_before;
}

void Doorbell::wait(std::optional<std::chrono::nanoseconds> timeout) noexcept {
    std::uint32_t before = awake;
    if (state_.compare_exchange_strong(before, sleeps, std::memory_order_seq_cst)) {
        timespec limit{};
        if (timeout) {
            auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*timeout);
            limit = {static_cast<std::time_t>(seconds.count()), static_cast<long>((*timeout - seconds).count())};
        }
        ::syscall(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, sleeps, timeout ? &limit : nullptr, nullptr, 0);
    }
    state_.store(awake, std::memory_order_seq_cst);
}

}  // namespace stepwise
