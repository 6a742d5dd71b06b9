#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/send_file.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <limits>

namespace stepwise::net {

namespace {

// Of one turn: a loop that sends to a fast peer is back after so much. Half of it at a time took 10 % more CPU.
constexpr std::uint64_t sendfile_bytes_max = 2 * 1024 * 1024;
constexpr std::size_t block_bytes = 256 * 1024;

// sendfile has no MSG_NOSIGNAL: to a peer that is gone it raises SIGPIPE, which is this thread's alone and taken back.
ssize_t sendfile_without_signal(int socket, int file, off_t& offset, std::size_t bytes) noexcept {
    sigset_t pipe_only;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigemptyset(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    if (sigismember(&before, SIGPIPE) == 1) sigpending(&pending);
    const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    const ssize_t count = ::sendfile(socket, file, &offset, bytes);
    const int error = errno;
    // Also behind a part that was sent: the call goes in steps, and an error of a later one only cuts it short.
    if (count < static_cast<ssize_t>(bytes) && !was_pending) {
        const timespec at_once{};
        while (sigtimedwait(&pipe_only, nullptr, &at_once) < 0 && errno == EINTR) continue;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return count;
}

// All others are the file's (a disk, or a server behind it, that fails has many).
bool is_of_connection(int error) noexcept {
    constexpr std::array errors = {EPIPE,        ECONNRESET,  ECONNABORTED, ENOTCONN, ENETRESET,
                                   EHOSTUNREACH, ENETUNREACH, ENETDOWN,     EHOSTDOWN};
    return std::find(errors.begin(), errors.end(), error) != errors.end();
}

[[noreturn]] void throw_file_ended(const File& file, std::uint64_t missing) {
    throw FileEndedError(fmt::format("'{}' ended {} bytes before the part that is sent", file.path(), missing));
}

// What is wrong with the connection its handler is told, too.
[[noreturn]] void throw_failed(Transport& transport, const File& file, int error) {
    if (is_of_connection(error)) transport.note_send_failed(error);
    throw_system_error(error, "sendfile of '" + file.path() + "'");
}

// Of files of which the kernel has no pages to give, as most in /proc and of some file systems.
bool cannot_be_sent(int error) noexcept {
    return error == EINVAL || error == ENOSYS;
}

// The kernel moves pages of its cache into the socket's queue, and reads ahead further than it would. (To ask for
// each part beforehand, WILLNEED, takes 7 % of the whole when the file is in the cache.) Returns what it leaves to
// others: nothing, or the rest of a file that it cannot send.
Coro<std::uint64_t> send_by_kernel(Transport& transport, File& file, std::uint64_t offset, std::uint64_t length) {
    Transport::Hold hold(transport);
    const int socket = transport.fd();
    auto at = static_cast<off_t>(offset);
    ::posix_fadvise(file.fd(), at, static_cast<off_t>(length), POSIX_FADV_SEQUENTIAL);
    for (std::uint64_t left = length; left != 0;) {
        static_cast<void>(co_await io::poll(socket, POLLOUT));
        if (transport.is_lost()) transport.throw_lost();
        const auto wanted = static_cast<std::size_t>(std::min(left, sendfile_bytes_max));
        const ssize_t count = sendfile_without_signal(socket, file.fd(), at, wanted);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (count < 0 && cannot_be_sent(errno)) co_return left;
        if (count < 0) throw_failed(transport, file, errno);
        if (count == 0) throw_file_ended(file, left);
        left -= static_cast<std::uint64_t>(count);
        transport.note_sent(static_cast<std::size_t>(count));
        if (left == 0) break;
        co_await sleep(Duration::zero());
        if (transport.is_lost()) transport.throw_lost();
    }
    co_return 0;
}

Coro<void> read_and_write(Transport& transport, File& file, std::uint64_t offset, std::uint64_t length,
                          const AllIsSent& all_is_sent) {
    Transport::Hold hold(transport);
    std::string block(static_cast<std::size_t>(std::min<std::uint64_t>(length, block_bytes)), '\0');
    for (std::uint64_t left = length; left != 0;) {
        const std::span<char> wanted(block.data(),
                                     static_cast<std::size_t>(std::min<std::uint64_t>(left, block.size())));
        const std::size_t count = co_await file.read_at(offset, wanted);
        if (count == 0) throw_file_ended(file, left);
        // Whoever had the connection may have let go of it while the file was read: this throws then.
        Coro<void> before = all_is_sent(transport);
        co_await std::move(before);
        if (transport.is_lost()) transport.throw_lost();
        append(transport, std::string_view(block.data(), count));
        offset += count;
        left -= count;
    }
    Coro<void> sending = all_is_sent(transport);
    co_await std::move(sending);
}

}  // namespace

bool is_sent_by_kernel(const Transport& transport) noexcept {
    return transport.tls() == nullptr && transport.loop().reactor().simulation() == nullptr;
}

Coro<void> send_file(Transport& transport, File& file, std::uint64_t offset, std::uint64_t length,
                     AllIsSent all_is_sent) {
    constexpr auto file_bytes_max = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
    if (offset > file_bytes_max || length > file_bytes_max - offset) {
        throw_system_error(EINVAL, "a part of '" + file.path() + "' beyond what a file can have");
    }
    if (transport.is_lost()) transport.throw_lost();
    std::uint64_t left = length;
    if (is_sent_by_kernel(transport)) {
        Coro<void> sending = all_is_sent(transport);
        co_await std::move(sending);
        if (transport.is_lost()) transport.throw_lost();
        left = co_await send_by_kernel(transport, file, offset, length);
    }
    if (left != 0) co_await read_and_write(transport, file, offset + (length - left), left, all_is_sent);
}

}  // namespace stepwise::net
