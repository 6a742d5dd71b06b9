#include <poll.h>
#include <sys/socket.h>
#include <stepwise/net/udp_socket.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/io.hpp>

#include <cassert>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace stepwise::net {

// What the loop knows of, and must not move.
struct UdpSocket::Open final : LoopBound {
    Open(EventLoop& of, int family) : loop(of) {
        if (loop.reactor().simulation() != nullptr) throw std::logic_error("a UdpSocket cannot be simulated");
        socket = UniqueFd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!socket) throw_system_error(errno, "socket");
        loop.bind(*this);
    }
    ~Open() {
        assert(awaited == 0 && "a UdpSocket ends when nobody sends or receives any more");
        close();
    }
    void loop_closing() noexcept override { close(); }
    void close() noexcept {
        if (!socket) return;
        loop.unbind(*this);
        loop.reactor().forget(socket.get());
        socket.reset();
    }

    EventLoop& loop;
    UniqueFd socket;
    int awaited = 0;
};

namespace {

struct Awaiting {
    explicit Awaiting(int& of) noexcept : count(of) { ++count; }
    ~Awaiting() { --count; }
    int& count;
};

}  // namespace

UdpSocket::UdpSocket(std::unique_ptr<Open> open) noexcept : open_(std::move(open)) {}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

UdpSocket UdpSocket::bind(EventLoop& loop, const Address& address) {
    auto open = std::make_unique<Open>(loop, address.family());
    if (::bind(open->socket.get(), address.get(), address.size()) != 0) {
        throw_system_error(errno, "cannot bind " + address.to_string());
    }
    return UdpSocket(std::move(open));
}

UdpSocket UdpSocket::connect(EventLoop& loop, const Address& peer) {
    auto open = std::make_unique<Open>(loop, peer.family());
    if (::connect(open->socket.get(), peer.get(), peer.size()) != 0) {
        throw_system_error(errno, "cannot connect to " + peer.to_string());
    }
    return UdpSocket(std::move(open));
}

Coro<Datagram> UdpSocket::receive_from(std::span<char> buffer) {
    Awaiting awaiting(open_->awaited);
    for (;;) {
        static_cast<void>(co_await io::poll(fd(), POLLIN));
        sockaddr_storage from{};
        iovec part{buffer.data(), buffer.size()};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof(from);
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        const ssize_t count = ::recvmsg(fd(), &message, MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;  // another task's, or its checksum was wrong
        if (count < 0) throw_system_error(errno, "recvmsg");
        Datagram datagram;
        datagram.size = static_cast<std::size_t>(count);
        datagram.is_cut = (message.msg_flags & MSG_TRUNC) != 0;
        datagram.from = Address::from_socket_address(reinterpret_cast<const sockaddr*>(&from), message.msg_namelen);
        co_return datagram;
    }
}

Coro<void> UdpSocket::send_to(std::span<const char> bytes, Address to) {
    return send_message(bytes, to);
}

Coro<void> UdpSocket::send(std::span<const char> bytes) {
    return send_message(bytes, Address());
}

Coro<void> UdpSocket::send_message(std::span<const char> bytes, Address to) {
    Awaiting awaiting(open_->awaited);
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (to.size() != 0) {
        message.msg_name = const_cast<sockaddr*>(to.get());
        message.msg_namelen = to.size();
    }
    const int socket = fd();
    const msghdr* sent = &message;
    io::Transfer sending([=](Operation& operation) { operation.prepare_send_message(socket, sent); });
    try {
        static_cast<void>(co_await sending);
    } catch (const std::system_error& error) {
        const std::string where = to.size() == 0 ? "" : " to " + to.to_string();
        throw_system_error(error.code().value(), "cannot send a datagram" + where);
    }
}

Address UdpSocket::local_address() const {
    return Address::of_local_end(fd());
}

int UdpSocket::fd() const noexcept {
    return open_->socket.get();
}

}  // namespace stepwise::net
