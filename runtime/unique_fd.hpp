// Owns one file descriptor and closes it at the end. Move-only; -1 is none. No thread of its own.
//
//     UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
//     if (!file) throw_system_error(errno, "open");
//
// It does not tell a reactor: whoever used the descriptor with one calls Reactor::forget first. A simulation, where
// this thread has one, is told.
#pragma once

#include <stepwise/runtime/calls.hpp>

#include <unistd.h>

#include <utility>

namespace stepwise {

class UniqueFd {
public:
    UniqueFd() noexcept = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    int release() noexcept { return std::exchange(fd_, -1); }

    // Closes what it held. close is not repeated at EINTR: on Linux the descriptor is gone by then (close(2)).
    void reset(int fd = -1) noexcept {
        int old = std::exchange(fd_, fd);
        if (old < 0) return;
        if (detail::simulated_calls != nullptr) [[unlikely]]
            detail::simulated_calls->closing(old);
        ::close(old);
    }

private:
    int fd_ = -1;
};

}  // namespace stepwise
