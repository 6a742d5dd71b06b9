#include <stepwise/runtime/reactor/epoll_table.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <system_error>

namespace stepwise {

// Only TCP: a datagram socket, a terminal and a pipe of packets hand over one piece a read, and a Unix socket stops
// at a passed descriptor. epoll(7), question 9.
bool EpollEntry::short_read_means_empty(int fd) noexcept {
    if (short_read == ShortRead::not_asked) {
        int protocol = 0;
        socklen_t length = sizeof protocol;
        bool known = ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0;
        short_read = known && protocol == IPPROTO_TCP ? ShortRead::means_empty : ShortRead::means_nothing;
    }
    return short_read == ShortRead::means_empty;
}

EpollTable::EpollTable() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

int EpollTable::add(int fd) noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
    event.data.fd = fd;
    // First, so that the table only grows for descriptors that exist.
    bool added = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
    if (!added && errno != EPERM) return errno;
    auto place = static_cast<std::size_t>(fd);
    if (place >= entries_.size()) {
        try {
            entries_.resize(std::max<std::size_t>({64, place + 1, 2 * entries_.size()}));
        } catch (const std::bad_alloc&) {
            if (added) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
            return ENOMEM;
        }
    }
    entries_[place].kind = added ? EpollEntry::Kind::watched : EpollEntry::Kind::file;
    return 0;
}

// close(fd) alone would end the registration only with the last duplicate of the descriptor, in a forked child perhaps,
// and until then events would come for a number that is something else by then. Measured: 0.7 µs, where accept and
// close of a TCP connection take 16.
void EpollTable::forget(int fd) noexcept {
    if (static_cast<std::size_t>(fd) >= entries_.size()) return;
    EpollEntry& entry = at(fd);
    assert(entry.readers == nullptr && entry.writers == nullptr && entry.polls == nullptr && entry.stream == nullptr &&
           "nothing may be pending on a descriptor that is forgotten");
    if (entry.kind == EpollEntry::Kind::watched) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    entry = EpollEntry{};
}

}  // namespace stepwise
