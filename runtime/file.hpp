// File: a file to await, so that a slow disk holds nobody else up: io_uring reads and writes itself, with epoll a
// thread of the loop's pool does. Such a thread opens it and syncs it either way.
//
//     std::string text = co_await read_file("names.txt");
//     File log = co_await File::open("log.txt", O_WRONLY | O_CREAT | O_APPEND);
//     co_await log.write_all("one line\n");
//
// Owns its descriptor. Every await is cancel-safe in that it leaves no operation behind; a cancelled write may have
// been done in part. Errors are std::system_error and name the path. The loop's thread.
#pragma once

#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <fcntl.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace stepwise {

class File {
public:
    static constexpr mode_t mode_default = 0644;

    // `flags` as of open(2); O_CLOEXEC is added. A pipe with a name is awaited as any other; to open one waits for its
    // other end, in a thread, unless it is opened for both (fifo(7)). Terminals are not for this: they may hold up the
    // loop.
    static Coro<File> open(std::string path, int flags = O_RDONLY, mode_t mode = mode_default);

    // Takes over a descriptor that was opened elsewhere. Errors name `path`.
    File(UniqueFd fd, std::string path) noexcept : fd_(std::move(fd)), path_(std::move(path)) {}

    // At the file's own position, which moves on. At least one byte, at most buffer.size(); 0 is the end.
    Coro<std::size_t> read_some(std::span<char> buffer);
    // `offset` bytes from the start; the position stays. EINVAL for more than a file can have.
    Coro<std::size_t> read_at(std::uint64_t offset, std::span<char> buffer);
    // From the position to the end. LimitError for more than bytes_max.
    Coro<std::string> read_rest(std::size_t bytes_max);
    // All of it, at the position (with O_APPEND: at the end). On a full disk (ENOSPC), and at RLIMIT_FSIZE (EFBIG, and
    // SIGXFSZ: setrlimit(2)), a part may have been written.
    Coro<void> write_all(std::string_view bytes);
    // What was written is on the disk: fdatasync(2).
    Coro<void> sync();
    // In bytes: fstat(2).
    Coro<std::uint64_t> size() const;

    int fd() const noexcept { return fd_.get(); }
    const std::string& path() const noexcept { return path_; }

private:
    class Awaited;

    UniqueFd fd_;
    std::string path_;
    int awaited_ = 0;  // operations under way
};

inline constexpr std::size_t file_bytes_max_default = 64 * 1024 * 1024;

// All of it. LimitError for more than bytes_max.
Coro<std::string> read_file(std::string path, std::size_t bytes_max = file_bytes_max_default);
// Made anew, or emptied first, with mode_default. A write that fails, or is cancelled, may leave a part.
Coro<void> write_file(std::string path, std::string bytes);

}  // namespace stepwise
