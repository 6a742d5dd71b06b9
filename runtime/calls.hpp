// The calls to the operating system that finish at once: make, bind, listen, shut down, ask for an address, open.
//
// Each is the system call of its name, with its arguments, its result and its errno. On a thread that has a simulated
// loop the simulation answers instead, for everything that it made itself; descriptors that it does not know are the
// kernel's as ever. What may wait is an Operation, and the reactor's.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise {

// What stands in for the kernel. Results are those of the calls, but minus an errno instead of -1.
class SimulatedCalls {
public:
    virtual bool owns(int fd) const noexcept = 0;
    virtual void closing(int fd) noexcept = 0;
    virtual int duplicate(int fd) noexcept = 0;

    virtual int socket(int family, int type, int protocol) noexcept = 0;
    virtual int socketpair(int family, int type, int protocol, int ends[2]) noexcept = 0;
    virtual int pipe2(int ends[2], int flags) noexcept = 0;
    virtual int bind(int fd, const sockaddr* address, socklen_t size) noexcept = 0;
    virtual int listen(int fd, int backlog) noexcept = 0;
    virtual int connect(int fd, const sockaddr* address, socklen_t size) noexcept = 0;
    virtual int accept4(int fd, int flags) noexcept = 0;
    virtual int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept = 0;
    virtual int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept = 0;
    virtual int shutdown(int fd, int how) noexcept = 0;
    virtual int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept = 0;
    virtual int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept = 0;
    virtual int queued_bytes(int fd, unsigned long request) noexcept = 0;
    virtual ssize_t send(int fd, const void* bytes, std::size_t size) noexcept = 0;
    virtual ssize_t recv(int fd, void* bytes, std::size_t size) noexcept = 0;

    virtual int open(const char* path, int flags, mode_t mode) noexcept = 0;
    virtual int fstat(int fd, struct stat* status) noexcept = 0;
    virtual off_t lseek(int fd, off_t offset, int whence) noexcept = 0;
    virtual int unlink(const char* path) noexcept = 0;

    // The addresses of a name, as text; none: it is unknown.
    virtual std::vector<std::string> look_up(std::string_view host) = 0;

protected:
    ~SimulatedCalls() = default;
};

namespace detail {

// Of this thread's simulated loop, while it lives.
inline constinit thread_local SimulatedCalls* simulated_calls = nullptr;

}  // namespace detail

namespace calls {

int socket(int family, int type, int protocol) noexcept;
int socketpair(int family, int type, int protocol, int ends[2]) noexcept;
int pipe2(int ends[2], int flags) noexcept;
int bind(int fd, const sockaddr* address, socklen_t size) noexcept;
int listen(int fd, int backlog) noexcept;
int connect(int fd, const sockaddr* address, socklen_t size) noexcept;
// Whom it came from is asked with getpeername.
int accept4(int fd, int flags) noexcept;
int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept;
int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept;
int shutdown(int fd, int how) noexcept;
int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept;
int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept;
// ioctl SIOCOUTQ and SIOCINQ (tcp(7)).
int unacknowledged_bytes(int socket) noexcept;
int unread_bytes(int socket) noexcept;
// As they come with MSG_DONTWAIT and MSG_NOSIGNAL; of files, read and write at the position.
ssize_t send(int fd, const void* bytes, std::size_t size) noexcept;
ssize_t recv(int fd, void* bytes, std::size_t size) noexcept;

int open(const char* path, int flags, mode_t mode) noexcept;
int fstat(int fd, struct stat* status) noexcept;
off_t lseek(int fd, off_t offset, int whence) noexcept;
int unlink(const char* path) noexcept;
// fcntl F_DUPFD_CLOEXEC.
int duplicate(int fd) noexcept;

// Nothing: ask the system.
std::optional<std::vector<std::string>> look_up_simulated(std::string_view host);

}  // namespace calls

}  // namespace stepwise
