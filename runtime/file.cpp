#include <stepwise/runtime/file.hpp>

#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/to_thread.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace stepwise {

namespace {

constexpr std::size_t read_bytes = 64 * 1024;

// Only ever called with the number of a failed system call.
[[noreturn]] void fail(int error, const char* call, const std::string& path) {
    throw_system_error(error, fmt::format("{}({})", call, path));
}

// A reactor waits for a pipe to be ready; a file always is.
bool can_hold_up(int fd, const std::string& path) {
    struct stat status {};
    if (calls::fstat(fd, &status) != 0) fail(errno, "fstat", path);
    return S_ISFIFO(status.st_mode);
}

void set_non_blocking(int fd, const std::string& path) {
    int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) fail(errno, "fcntl", path);
}

UniqueFd open_now(const std::string& path, int flags, mode_t mode) {
    for (;;) {
        UniqueFd fd(calls::open(path.c_str(), flags | O_CLOEXEC, mode));
        if (fd) {
            if (can_hold_up(fd.get(), path)) set_non_blocking(fd.get(), path);
            return fd;
        }
        if (errno != EINTR) fail(errno, "open", path);
    }
}

std::uint64_t size_now(int fd, const std::string& path) {
    struct stat status {};
    if (calls::fstat(fd, &status) != 0) fail(errno, "fstat", path);
    return static_cast<std::uint64_t>(status.st_size);
}

// A write that io_uring cuts short, as on a full disk, may leave the position where it was (Linux 6.18).
void move_to(int fd, off_t position) noexcept {
    bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
    if (!appends) calls::lseek(fd, position, SEEK_SET);
}

// From the position to the end, as far as the system knows.
std::size_t bytes_left_now(int fd) {
    struct stat status {};
    const off_t position = calls::lseek(fd, 0, SEEK_CUR);
    if (position < 0 || calls::fstat(fd, &status) != 0 || status.st_size < position) return 0;
    return static_cast<std::size_t>(status.st_size - position);
}

bool is_simulated(int fd) noexcept {
    return detail::simulated_calls != nullptr && detail::simulated_calls->owns(fd);
}

void sync_now(int fd, const std::string& path) {
    // What a simulation has of it needs none: its descriptor stands for nothing that could be lost.
    if (!is_simulated(fd) && ::fdatasync(fd) != 0) fail(errno, "fdatasync", path);
}

}  // namespace

// A reactor keeps pipes by their number: when nothing is awaited of it any more it forgets this one, which may
// be closed then at any time.
class File::Awaited {
public:
    explicit Awaited(File& file) noexcept : file_(file) { ++file_.awaited_; }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;
    ~Awaited() {
        if (--file_.awaited_ == 0) EventLoop::current().reactor().forget(fd());
    }
    int fd() const noexcept { return file_.fd(); }

private:
    File& file_;
};

Coro<File> File::open(std::string path, int flags, mode_t mode) {
    Future<UniqueFd> opening = to_thread(open_now, path, flags, mode);
    UniqueFd fd = co_await std::move(opening);
    co_return File(std::move(fd), std::move(path));
}

Coro<std::size_t> File::read_some(std::span<char> buffer) {
    Awaited awaited(*this);
    try {
        co_return co_await io::read(awaited.fd(), buffer);
    } catch (const std::system_error& error) {
        fail(error.code().value(), "read", path_);
    }
}

Coro<std::size_t> File::read_at(std::uint64_t offset, std::span<char> buffer) {
    // What is more would be negative, and -1 mean the position.
    if (offset > INT64_MAX) fail(EINVAL, "pread", path_);
    Awaited awaited(*this);
    try {
        co_return co_await io::read(awaited.fd(), buffer, static_cast<std::int64_t>(offset));
    } catch (const std::system_error& error) {
        fail(error.code().value(), "pread", path_);
    }
}

Coro<std::string> File::read_rest(std::size_t bytes_max) {
    std::string text;
    // A string that grows copies itself, and the loop stands still meanwhile: 0.3 s for 256 MiB. What the size says is
    // a hint: a file in /proc says 0, and one that is being written says too little.
    text.reserve(std::min(bytes_left_now(fd_.get()), bytes_max));
    std::vector<char> buffer(read_bytes);
    while (std::size_t count = co_await read_some(buffer)) {
        if (text.size() + count > bytes_max) {
            throw LimitError(fmt::format("{} has more than {} bytes (bytes_max)", path_, bytes_max));
        }
        text.append(buffer.data(), count);
    }
    co_return text;
}

Coro<void> File::write_all(std::string_view bytes) {
    Awaited awaited(*this);
    try {
        while (!bytes.empty()) {
            off_t position = calls::lseek(awaited.fd(), 0, SEEK_CUR);
            std::size_t written = co_await io::write(awaited.fd(), bytes);
            if (written < bytes.size() && position >= 0) move_to(awaited.fd(), position + static_cast<off_t>(written));
            bytes.remove_prefix(written);
        }
    } catch (const std::system_error& error) {
        fail(error.code().value(), "write", path_);
    }
}

Coro<void> File::sync() {
    // The thread may outlive this frame, and the File: it has a descriptor of its own.
    UniqueFd own(calls::duplicate(fd_.get()));
    if (!own) fail(errno, "fcntl", path_);
    struct Syncing {
        UniqueFd fd;
        std::string path;
        void operator()() const { sync_now(fd.get(), path); }
    };
    Syncing syncing{std::move(own), path_};
    Future<void> done = to_thread(std::move(syncing));
    co_await done;
}

Coro<std::uint64_t> File::size() const {
    co_return size_now(fd_.get(), path_);
}

Coro<std::string> read_file(std::string path, std::size_t bytes_max) {
    File file = co_await File::open(std::move(path));
    co_return co_await file.read_rest(bytes_max);
}

Coro<void> write_file(std::string path, std::string bytes) {
    File file = co_await File::open(std::move(path), O_WRONLY | O_CREAT | O_TRUNC);
    co_await file.write_all(bytes);
}

}  // namespace stepwise
