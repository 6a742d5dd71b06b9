#include <stepwise/runtime/calls.hpp>

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace stepwise::calls {

namespace {

// Of whatever makes something new.
SimulatedCalls* simulated() noexcept {
    return detail::simulated_calls;
}

// Of whatever has a descriptor already.
SimulatedCalls* simulated(int fd) noexcept {
    SimulatedCalls* calls = detail::simulated_calls;
    return calls != nullptr && calls->owns(fd) ? calls : nullptr;
}

template <class Result>
Result as_of_the_kernel(Result result) noexcept {
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
}

int queued_bytes(int fd, unsigned long request) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->queued_bytes(fd, request));
    int bytes = 0;
    return ::ioctl(fd, request, &bytes) == 0 ? bytes : -1;
}

}  // namespace

int socket(int family, int type, int protocol) noexcept {
    if (SimulatedCalls* by = simulated()) return as_of_the_kernel(by->socket(family, type, protocol));
    return ::socket(family, type, protocol);
}

int socketpair(int family, int type, int protocol, int ends[2]) noexcept {
    if (SimulatedCalls* by = simulated()) return as_of_the_kernel(by->socketpair(family, type, protocol, ends));
    return ::socketpair(family, type, protocol, ends);
}

int pipe2(int ends[2], int flags) noexcept {
    if (SimulatedCalls* by = simulated()) return as_of_the_kernel(by->pipe2(ends, flags));
    return ::pipe2(ends, flags);
}

int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->bind(fd, address, size));
    return ::bind(fd, address, size);
}

int listen(int fd, int backlog) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->listen(fd, backlog));
    return ::listen(fd, backlog);
}

int connect(int fd, const sockaddr* address, socklen_t size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->connect(fd, address, size));
    return ::connect(fd, address, size);
}

int accept4(int fd, int flags) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->accept4(fd, flags));
    return ::accept4(fd, nullptr, nullptr, flags);
}

int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->getsockname(fd, address, size));
    return ::getsockname(fd, address, size);
}

int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->getpeername(fd, address, size));
    return ::getpeername(fd, address, size);
}

int shutdown(int fd, int how) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->shutdown(fd, how));
    return ::shutdown(fd, how);
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->getsockopt(fd, level, name, value, size));
    return ::getsockopt(fd, level, name, value, size);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->setsockopt(fd, level, name, value, size));
    return ::setsockopt(fd, level, name, value, size);
}

int unacknowledged_bytes(int socket) noexcept {
    return queued_bytes(socket, SIOCOUTQ);
}

int unread_bytes(int socket) noexcept {
    return queued_bytes(socket, SIOCINQ);
}

ssize_t send(int fd, const void* bytes, std::size_t size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->send(fd, bytes, size));
    ssize_t count = ::send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 && errno == ENOTSOCK ? ::write(fd, bytes, size) : count;
}

ssize_t recv(int fd, void* bytes, std::size_t size) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->recv(fd, bytes, size));
    ssize_t count = ::recv(fd, bytes, size, MSG_DONTWAIT);
    return count < 0 && errno == ENOTSOCK ? ::read(fd, bytes, size) : count;
}

int open(const char* path, int flags, mode_t mode) noexcept {
    if (SimulatedCalls* by = simulated()) return as_of_the_kernel(by->open(path, flags, mode));
    return ::open(path, flags, mode);
}

int fstat(int fd, struct stat* status) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->fstat(fd, status));
    return ::fstat(fd, status);
}

off_t lseek(int fd, off_t offset, int whence) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->lseek(fd, offset, whence));
    return ::lseek(fd, offset, whence);
}

int unlink(const char* path) noexcept {
    if (SimulatedCalls* by = simulated()) return as_of_the_kernel(by->unlink(path));
    return ::unlink(path);
}

int duplicate(int fd) noexcept {
    if (SimulatedCalls* by = simulated(fd)) return as_of_the_kernel(by->duplicate(fd));
    return ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

std::optional<std::vector<std::string>> look_up_simulated(std::string_view host) {
    if (SimulatedCalls* by = simulated()) return by->look_up(host);
    return std::nullopt;
}

}  // namespace stepwise::calls
