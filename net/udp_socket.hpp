// UDP: datagrams, each of which comes whole or not at all, for a coroutine.
//
//     net::UdpSocket socket = net::UdpSocket::bind(EventLoop::current(), net::Address::tcp("127.0.0.1", 0));
//     std::array<char, 1500> buffer;
//     net::Datagram datagram = co_await socket.receive_from(buffer);
//     std::span<const char> bytes(buffer.data(), datagram.size);
//     co_await socket.send_to(bytes, datagram.from);
//
// Owns its descriptor. Several tasks may send and receive; all must be done when it ends. Cancel-safe: a cancelled
// receive has taken no datagram, a cancelled send has sent all of one or nothing. Nothing is queued here: the kernel
// drops what finds no room, and UDP says so to nobody. The loop's thread; the object may outlive the loop. The
// simulator has no UDP: std::logic_error.
#pragma once

#include <stepwise/net/address.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace stepwise::net {

struct Datagram {
    std::size_t size = 0;  // of what is in the buffer
    bool is_cut = false;   // it was longer than the buffer, and the rest is gone
    Address from;
};

class UdpSocket {
public:
    static constexpr std::size_t payload_bytes_max = 65'507;  // of IPv4 (udp(7))

    // Gets what is sent to `address`, from anybody. Port 0 takes any free one. Throws std::system_error naming it.
    static UdpSocket bind(EventLoop& loop, const Address& address);
    // Sends to `peer`, and gets what that sends. A port that nobody has is ECONNREFUSED at a later send or receive.
    static UdpSocket connect(EventLoop& loop, const Address& peer);

    UdpSocket(UdpSocket&&) noexcept;
    UdpSocket& operator=(UdpSocket&&) noexcept;
    ~UdpSocket();

    // One datagram, at most buffer.size() of it; it may be empty. Throws std::system_error.
    Coro<Datagram> receive_from(std::span<char> buffer);
    // One datagram. EMSGSIZE for more than payload_bytes_max. Throws std::system_error naming the address.
    Coro<void> send_to(std::span<const char> bytes, Address to);
    // To the peer of connect(); EDESTADDRREQ without one.
    Coro<void> send(std::span<const char> bytes);

    Address local_address() const;
    int fd() const noexcept;

private:
    struct Open;

    explicit UdpSocket(std::unique_ptr<Open> open) noexcept;
    Coro<void> send_message(std::span<const char> bytes, Address to);

    std::unique_ptr<Open> open_;
};

}  // namespace stepwise::net
