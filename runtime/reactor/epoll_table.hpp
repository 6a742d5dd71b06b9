// What epoll watches: one entry a descriptor number, registered once, for everything and edge-triggered, until
// forgotten.
//
// Invariant: a bit (readable, writable) is false only if the kernel will report an event when that changes. A fresh
// entry's bits are true, "maybe"; an event sets them, and what clears them is a call that the kernel answered EAGAIN,
// or a read that emptied a TCP socket. An entry's address holds until the next `watch`. One thread.
#pragma once

#include <stepwise/runtime/reactor/operation.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stepwise {

struct EpollStream;

struct EpollEntry {
    enum class Kind : std::uint8_t {
        unused,
        watched,
        file,  // epoll refuses it: a regular file, a directory, /dev/null
    };
    enum class ShortRead : std::uint8_t { not_asked, means_empty, means_nothing };

    // Operations that wait, first come first served, linked through Operation::next.
    Operation* readers = nullptr;
    Operation* writers = nullptr;
    Operation* polls = nullptr;
    EpollStream* stream = nullptr;
    Kind kind = Kind::unused;
    bool readable = true;
    bool writable = true;
    bool more_behind = false;  // the last event told of an end, an error or urgent data, behind bytes to read perhaps
    ShortRead short_read = ShortRead::not_asked;

    void mark(std::uint32_t events) noexcept {
        if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable = true;
        if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable = true;
        more_behind = (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    }

    // `bytes` of the `wanted` were read. A recv that only finds nothing more costs 9 % of an echo: a short read of TCP
    // proves it too, if no event told of something behind the bytes.
    void note_read(int fd, std::size_t bytes, std::size_t wanted) noexcept {
        if (bytes != 0 && bytes < wanted && !more_behind && short_read_means_empty(fd)) readable = false;
    }

private:
    bool short_read_means_empty(int fd) noexcept;
};

static_assert(sizeof(EpollEntry) <= 48, "there is one for every descriptor number");

class EpollTable {
public:
    // Throws std::system_error.
    EpollTable();
    EpollTable(const EpollTable&) = delete;
    EpollTable& operator=(const EpollTable&) = delete;

    // Makes sure that `fd` has an entry; returns 0 or an errno (EBADF, ENOSPC, ENOMEM).
    int watch(int fd) noexcept { return knows(fd) ? 0 : add(fd); }

    bool knows(int fd) const noexcept {
        auto place = static_cast<std::size_t>(fd);
        return place < entries_.size() && entries_[place].kind != EpollEntry::Kind::unused;
    }

    // `fd` was watched once.
    EpollEntry& at(int fd) noexcept { return entries_[static_cast<std::size_t>(fd)]; }

    void forget(int fd) noexcept;

    int epoll() const noexcept { return epoll_.get(); }

private:
    int add(int fd) noexcept;

    UniqueFd epoll_;
    std::vector<EpollEntry> entries_;
};

}  // namespace stepwise
