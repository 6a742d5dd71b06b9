// One request to the kernel that completes once: accept, connect, recv, send, read, write, poll.
//
// The awaiter owns the operation, usually inside a coroutine frame (law 3). Between `submit` and completion the
// reactor, and with io_uring the kernel, may touch the operation and the buffer that it points to: neither may move or
// end. Completion calls `complete`, on the loop's thread, which must do no more than push something on the ready queue.
// `result` is what the system call returns: a count, a new descriptor, or minus an errno (never -1 with errno).
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace stepwise {

enum class OperationKind : std::uint8_t { accept, connect, recv, send, send_message, read, write, poll };

const char* name_of(OperationKind kind) noexcept;  // "recv", static storage

struct Operation {
    using Complete = void (*)(Operation&) noexcept;
    enum class State : std::uint8_t { idle, pending, cancelling };

    explicit Operation(Complete on_complete) noexcept : complete(on_complete) {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    // Every descriptor must be in non-blocking mode, but a regular file: with epoll a call on a blocking one would hold
    // up the loop. accept: the new socket is non-blocking and close-on-exec.
    void prepare_accept(int socket) noexcept { prepare(OperationKind::accept, socket); }
    // `address` must live until completion. After a failure or a cancellation close the socket (connect(2), notes). A
    // Unix socket whose listener is busy may answer -EAGAIN: nothing tells when to try again.
    void prepare_connect(int socket, const sockaddr* address, socklen_t length) noexcept {
        prepare(OperationKind::connect, socket);
        buffer = const_cast<sockaddr*>(address);
        size = length;
    }
    void prepare_recv(int socket, void* to, std::size_t bytes) noexcept {
        prepare(OperationKind::recv, socket);
        buffer = to;
        size = bytes;
    }
    // MSG_NOSIGNAL is always added: a peer that is gone is EPIPE, never SIGPIPE.
    void prepare_send(int socket, const void* from, std::size_t bytes) noexcept {
        prepare(OperationKind::send, socket);
        buffer = const_cast<void*>(from);
        size = bytes;
    }
    // `message`, its iovecs and what they point to must live until completion. MSG_NOSIGNAL is always added.
    void prepare_send_message(int socket, const msghdr* message) noexcept {
        prepare(OperationKind::send_message, socket);
        buffer = const_cast<msghdr*>(message);
    }
    // read and write: pipes, terminals, eventfds and files. `at` is a file offset, or current_offset. Nothing like
    // MSG_NOSIGNAL exists for them: a program that writes to pipes ignores SIGPIPE, and gets -EPIPE.
    void prepare_read(int file, void* to, std::size_t bytes, std::int64_t at) noexcept {
        prepare(OperationKind::read, file);
        buffer = to;
        size = bytes;
        offset = at;
    }
    void prepare_write(int file, const void* from, std::size_t bytes, std::int64_t at) noexcept {
        prepare(OperationKind::write, file);
        buffer = const_cast<void*>(from);
        size = bytes;
        offset = at;
    }
    // poll: `mask` is of POLLIN, POLLOUT, POLLRDHUP, POLLPRI; the result is the mask that is ready (ERR and HUP too).
    void prepare_poll(int file, std::uint32_t mask) noexcept {
        prepare(OperationKind::poll, file);
        poll_mask = mask;
    }

    bool pending() const noexcept { return state != State::idle; }

    static constexpr std::int64_t current_offset = -1;

    OperationKind kind = OperationKind::poll;
    State state = State::idle;  // the reactor's; idle before submit and from just before `complete` on
    bool offloaded = false;     // the reactor's: a thread of the pool has it
    int fd = -1;
    int result = 0;
    std::uint32_t poll_mask = 0;
    void* buffer = nullptr;
    std::size_t size = 0;
    std::int64_t offset = current_offset;
    Complete complete;
    Operation* next = nullptr;      // the reactor's, while pending
    void* offloaded_job = nullptr;  // the host's, while a thread of the pool has it

private:
    void prepare(OperationKind new_kind, int new_fd) noexcept {
        kind = new_kind;
        fd = new_fd;
        result = 0;
        next = nullptr;
        offloaded = false;
    }
};

}  // namespace stepwise
