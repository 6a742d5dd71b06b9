#include <stepwise/runtime/reactor/attempt.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace stepwise {

namespace {

// accept(2): Linux hands over the network errors of a connection that failed while it waited; the next may be fine.
// EOPNOTSUPP is in that list too, but also the answer of a socket that cannot listen.
bool is_of_one_connection(int error) noexcept {
    switch (error) {
        case ECONNABORTED:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case EINTR:
        case ENETDOWN:
        case ENETUNREACH:
        case ENONET:
        case ENOPROTOOPT:
        case EPERM:  // a firewall rule
        case EPROTO:
        case ETIMEDOUT:
            return true;
        default:
            return false;
    }
}

ssize_t poll_once(const Operation& operation) noexcept {
    pollfd look{operation.fd, static_cast<short>(operation.poll_mask), 0};
    int count = ::poll(&look, 1, 0);
    if (count > 0 && (look.revents & POLLNVAL) == 0) return look.revents;
    if (count >= 0) errno = count == 0 ? EAGAIN : EBADF;
    return -1;
}

ssize_t call(const Operation& operation) noexcept {
    int fd = operation.fd;
    void* buffer = operation.buffer;
    std::size_t size = operation.size;
    bool at_current = operation.offset == Operation::current_offset;
    switch (operation.kind) {
        case OperationKind::accept:
            break;
        case OperationKind::connect:
            return ::connect(fd, static_cast<const sockaddr*>(buffer), static_cast<socklen_t>(size));
        case OperationKind::recv:
            return ::recv(fd, buffer, size, MSG_DONTWAIT);
        case OperationKind::send:
            return ::send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        case OperationKind::send_message:
            return ::sendmsg(fd, static_cast<const msghdr*>(buffer), MSG_DONTWAIT | MSG_NOSIGNAL);
        case OperationKind::read:
            return at_current ? ::read(fd, buffer, size) : ::pread(fd, buffer, size, operation.offset);
        case OperationKind::write:
            return at_current ? ::write(fd, buffer, size) : ::pwrite(fd, buffer, size, operation.offset);
        case OperationKind::poll:
            return poll_once(operation);
    }
    errno = EINVAL;
    return -1;
}

}  // namespace

int Reactor::send_now(int socket, const msghdr& message) noexcept {
    Operation operation([](Operation&) noexcept {});
    operation.prepare_send_message(socket, &message);
    return attempt(operation);
}

int attempt(const Operation& operation) noexcept {
    if (operation.kind == OperationKind::accept) return accept_next(operation.fd);
    for (;;) {
        // The kernel transfers less than 2 GiB at once, so that an int holds every result.
        ssize_t result = call(operation);
        if (result >= 0) return static_cast<int>(result);
        if (errno != EINTR) return -errno;
        // connect(2): an interrupted connect goes on, and a second call would only say EALREADY.
        if (operation.kind == OperationKind::connect) return -EINPROGRESS;
    }
}

int connect_outcome(int socket) noexcept {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
    return -error;
}

int accept_next(int socket) noexcept {
    // So many in a row are no accident: then it is the listener's error after all.
    constexpr int lost_in_a_row_max = 64;
    for (int lost = 1;; ++lost) {
        int accepted = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) return accepted;
        if (!is_of_one_connection(errno) || lost == lost_in_a_row_max) return -errno;
    }
}

}  // namespace stepwise
