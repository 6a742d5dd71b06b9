// One system call as one await: what asyncio calls sock_recv and its kin, for descriptors that the caller owns.
//
//     std::size_t count = co_await io::recv(socket, buffer);   // 0: the peer has ended
//     co_await io::send(socket, text);
//
// The awaiter owns the operation and the buffer is the caller's: both stay where they are until the kernel has let go.
// Cancel-safe: if the completion wins, its result is delivered and the cancellation is thrown at the next await, so no
// byte is lost; else CancelledError, and nothing was transferred. A failed call throws std::system_error naming it.
// A frame that is destroyed from outside cancels the operation and waits, blocking, for the kernel (law 3).
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace stepwise {

class [[nodiscard]] IoAwaiter : public Suspension, public Operation {
public:
    IoAwaiter() noexcept : Suspension(io_kind), Operation(&IoAwaiter::completed) {}
    ~IoAwaiter() {
        if (pending()) [[unlikely]]
            abandon();
    }

    bool await_ready() const noexcept { return false; }
    // Resumed by the task's step, which the completion queues.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        return start(*frame.promise().task, where);
    }

protected:
    // The result, not negative; or throws.
    int take() const {
        if (result < 0) [[unlikely]]
            throw_failure();
        return result;
    }
    // Only while pending.
    void abandon() noexcept;

private:
    bool start(TaskBase& task, std::source_location where);
    [[noreturn]] void throw_failure() const;
    static void cancel_io(Suspension& suspension) noexcept;
    static void describe(const Suspension& suspension, WaitDescription& description);
    static const Operation* operation_of(const Suspension& suspension) noexcept {
        return &static_cast<const IoAwaiter&>(suspension);
    }
    static void completed(Operation& operation) noexcept { static_cast<IoAwaiter&>(operation).task_->wakeup(); }

    static const WaitKind io_kind;

    TaskBase* task_ = nullptr;
    bool interrupted_ = false;
};

namespace io {

// A count of bytes.
class [[nodiscard]] Transfer : public IoAwaiter {
public:
    template <class Prepare>
    explicit Transfer(Prepare prepare) {
        prepare(static_cast<Operation&>(*this));
    }
    std::size_t await_resume() const { return static_cast<std::size_t>(take()); }
};

class [[nodiscard]] Accept : public IoAwaiter {
public:
    explicit Accept(int socket) noexcept {
        prepare_accept(socket);
        result = nothing;
    }
    ~Accept() {
        if (pending()) [[unlikely]]
            abandon();
        // Accepted, but the frame ended before it could take it.
        UniqueFd untaken(result);
    }
    UniqueFd await_resume() {
        static_cast<void>(take());
        return UniqueFd(std::exchange(result, nothing));
    }

private:
    static constexpr int nothing = -1;
};

class [[nodiscard]] Connect : public IoAwaiter {
public:
    Connect(int socket, const sockaddr* address, socklen_t length) noexcept {
        prepare_connect(socket, address, length);
    }
    void await_resume() const { static_cast<void>(take()); }
};

class [[nodiscard]] Poll : public IoAwaiter {
public:
    Poll(int file, std::uint32_t mask) noexcept { prepare_poll(file, mask); }
    std::uint32_t await_resume() const { return static_cast<std::uint32_t>(take()); }
};

// A new connection of a listening socket: non-blocking, close-on-exec. accept4(2).
inline Accept accept(int socket) noexcept {
    return Accept(socket);
}

// `address` must live until the await ends. After a cancelled connect the socket can only be closed. connect(2).
inline Connect connect(int socket, const sockaddr* address, socklen_t length) noexcept {
    return Connect(socket, address, length);
}

// At least one byte; 0 is the peer's end, or an empty buffer. recv(2).
inline Transfer recv(int socket, std::span<char> to) noexcept {
    return Transfer([=](Operation& operation) { operation.prepare_recv(socket, to.data(), to.size()); });
}

// At least one byte, perhaps not all. A peer that is gone is EPIPE, never SIGPIPE. send(2).
inline Transfer send(int socket, std::span<const char> from) noexcept {
    return Transfer([=](Operation& operation) { operation.prepare_send(socket, from.data(), from.size()); });
}

// Pipes (non-blocking), terminals and files; 0 is the end of the file. `offset`: bytes from the start, or
// Operation::current_offset; a write to a file that comes short may leave that where it was, with io_uring. read(2),
// pread(2).
inline Transfer read(int file, std::span<char> to, std::int64_t offset = Operation::current_offset) noexcept {
    return Transfer([=](Operation& operation) { operation.prepare_read(file, to.data(), to.size(), offset); });
}
inline Transfer write(int file, std::span<const char> from, std::int64_t offset = Operation::current_offset) noexcept {
    return Transfer([=](Operation& operation) { operation.prepare_write(file, from.data(), from.size(), offset); });
}

// A descriptor that is awaited while this lives. At its end the reactor forgets it, and it may be closed at any time:
// its number may be another's then. In a frame of the task, before the operation; one at a time for a descriptor.
class Known {
public:
    explicit Known(int fd) noexcept : fd_(fd) {}
    Known(const Known&) = delete;
    Known& operator=(const Known&) = delete;
    ~Known() { EventLoop::current().reactor().forget(fd_); }
    int fd() const noexcept { return fd_; }

private:
    int fd_;
};

// Which of `mask` (POLLIN, POLLOUT, POLLRDHUP, POLLPRI) is ready, with POLLERR and POLLHUP. poll(2).
inline Poll poll(int file, std::uint32_t mask) noexcept {
    return Poll(file, mask);
}

}  // namespace io

}  // namespace stepwise
