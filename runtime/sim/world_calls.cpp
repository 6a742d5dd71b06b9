// The system calls as the simulation answers them.
#include <stepwise/runtime/sim/world.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stepwise::sim {

namespace {

constexpr int type_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

bool blocks(int fd) noexcept {
    return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

// socket(7): a buffer has a least size.
std::size_t buffer_bytes(int value) noexcept {
    constexpr int least = 2304;
    return static_cast<std::size_t>(std::max(value, least));
}

}  // namespace

int World::socket(int family, int type, int protocol) noexcept {
    bool is_stream = (type & ~type_flags) == SOCK_STREAM;
    // Anything else is the kernel's, and no reactor here will know it.
    if (!is_stream || (family != AF_INET && family != AF_INET6 && family != AF_UNIX)) {
        int fd = ::socket(family, type, protocol);
        return fd < 0 ? -errno : fd;
    }
    Socket::Kind kind = family == AF_UNIX ? Socket::Kind::unix_stream : Socket::Kind::tcp;
    return give_descriptor(network.make(kind, family), type & type_flags);
}

int World::pair_of(Socket::Kind kind, int flags, int ends[2]) {
    std::shared_ptr<Socket> one = network.make(kind, AF_UNIX);
    std::shared_ptr<Socket> other = network.make(kind, AF_UNIX);
    UniqueFd first(give_descriptor(one, flags));
    if (!first) return first.release();
    int second = give_descriptor(other, flags);
    if (second < 0) return second;
    if (kind == Socket::Kind::pipe) {
        Socket::join_one_way(*one, *other);
    } else {
        Socket::join(*one, *other);
        one->state = other->state = Socket::State::connected;
    }
    ends[0] = first.release();
    ends[1] = second;
    return 0;
}

int World::socketpair(int family, int type, int protocol, int ends[2]) noexcept {
    if (family != AF_UNIX || (type & ~type_flags) != SOCK_STREAM) {
        return ::socketpair(family, type, protocol, ends) == 0 ? 0 : -errno;
    }
    return pair_of(Socket::Kind::unix_stream, type & type_flags, ends);
}

int World::pipe2(int ends[2], int flags) noexcept {
    int socket_flags = ((flags & O_NONBLOCK) != 0 ? SOCK_NONBLOCK : 0) | ((flags & O_CLOEXEC) != 0 ? SOCK_CLOEXEC : 0);
    return pair_of(Socket::Kind::pipe, socket_flags, ends);
}

int World::bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket == nullptr) return -ENOTSOCK;
    return network.bind(*socket, Endpoint(address, size));
}

int World::listen(int fd, int backlog) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    return socket == nullptr ? -ENOTSOCK : network.listen(*socket, backlog);
}

// A descriptor that blocks holds up the program, while the network goes on.
int World::connect(int fd, const sockaddr* address, socklen_t size) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket == nullptr) return -ENOTSOCK;
    int result = network.connect(*socket, Endpoint(address, size));
    if (result != -EINPROGRESS || !blocks(fd)) return result;
    while (socket->state == Socket::State::connecting) {
        std::optional<TimePoint> next = timeline.next_due();
        if (!next) return -ETIMEDOUT;
        timeline.jump_to(*next);
        timeline.run_due();
    }
    return -socket->take_error();
}

int World::accept4(int fd, int flags) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket == nullptr) return -ENOTSOCK;
    int result = 0;
    std::shared_ptr<Socket> accepted = network.accept(*socket, result);
    if (accepted == nullptr) return result;
    int accepted_fd = give_descriptor(accepted, flags & type_flags);
    // Without a descriptor for it the connection waits on.
    if (accepted_fd < 0) socket->backlog.push_front(accepted);
    return accepted_fd;
}

int World::getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    return socket == nullptr ? -ENOTSOCK : socket->local.give(address, size);
}

int World::getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket == nullptr) return -ENOTSOCK;
    if (socket->state != Socket::State::connected || socket->is_broken()) return -ENOTCONN;
    return socket->remote.give(address, size);
}

int World::shutdown(int fd, int how) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    return socket == nullptr ? -ENOTSOCK : socket->shutdown(how);
}

int World::getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket != nullptr && level == SOL_SOCKET && name == SO_ERROR && *size >= sizeof(int)) {
        int error = socket->take_error();
        std::memcpy(value, &error, sizeof error);
        return 0;
    }
    return ::getsockopt(fd, level, name, value, size) == 0 ? 0 : -errno;
}

int World::setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket != nullptr && level == SOL_SOCKET && size >= sizeof(int)) {
        int number = 0;
        std::memcpy(&number, value, sizeof number);
        if (name == SO_SNDBUF) socket->send_buffer_bytes = buffer_bytes(number);
        if (name == SO_REUSEPORT) socket->shares_port = number != 0;
        if (name == SO_RCVBUF) socket->receive_buffer_bytes = buffer_bytes(number);
    }
    return ::setsockopt(fd, level, name, value, size) == 0 ? 0 : -errno;
}

int World::queued_bytes(int fd, unsigned long request) noexcept {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket == nullptr) return -ENOTSOCK;
    return static_cast<int>(request == SIOCOUTQ ? socket->unacknowledged_bytes() : socket->unread_bytes());
}

ssize_t World::send(int fd, const void* bytes, std::size_t size) noexcept {
    if (std::shared_ptr<OpenFile> file = file_at(fd)) {
        return disk.write(*file, std::span(static_cast<const char*>(bytes), size), -1);
    }
    const iovec part{const_cast<void*>(bytes), size};
    return at(fd).send(std::span(&part, 1));
}

ssize_t World::recv(int fd, void* bytes, std::size_t size) noexcept {
    const std::span<char> to(static_cast<char*>(bytes), size);
    if (std::shared_ptr<OpenFile> file = file_at(fd)) return disk.read(*file, to, -1);
    return at(fd).recv(to);
}

int World::open(const char* path, int flags, mode_t mode) noexcept {
    int result = 0;
    std::shared_ptr<OpenFile> file = disk.open(path, flags, result);
    if (file == nullptr) {
        if (result != 0) return result;
        int real = ::open(path, flags, mode);
        return real < 0 ? -errno : real;
    }
    int fd = ::open("/dev/null", (flags & (O_ACCMODE | O_APPEND)) | O_CLOEXEC);
    if (fd < 0) return -errno;
    place(fd).file = std::move(file);
    return fd;
}

int World::fstat(int fd, struct stat* status) noexcept {
    std::shared_ptr<OpenFile> file = file_at(fd);
    if (file == nullptr) return ::fstat(fd, status) == 0 ? 0 : -errno;
    disk.status(*file, *status);
    return 0;
}

off_t World::lseek(int fd, off_t offset, int whence) noexcept {
    std::shared_ptr<OpenFile> file = file_at(fd);
    return file == nullptr ? -ESPIPE : disk.seek(*file, offset, whence);
}

int World::unlink(const char* path) noexcept {
    return disk.unlink(path);
}

}  // namespace stepwise::sim
