#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stepwise/net/socket.hpp>
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/errors.hpp>

namespace stepwise::net {

UniqueFd make_stream_socket(int family) {
    UniqueFd socket(calls::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) throw_system_error(errno, "socket");
    return socket;
}

namespace {

void share_port(int socket) {
    const int on = 1;
    if (calls::setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
        throw_system_error(errno, "setsockopt(SO_REUSEPORT)");
    }
}

}  // namespace

UniqueFd listen_on(const Address& address, ListenOptions options) {
    UniqueFd socket = make_stream_socket(address.family());
    const int on = 1;
    if (address.family() != AF_UNIX) {
        calls::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (options.reuse_port) share_port(socket.get());
    }
    if (calls::bind(socket.get(), address.get(), address.size()) != 0) {
        throw_system_error(errno, "cannot listen on " + address.to_string());
    }
    if (calls::listen(socket.get(), options.backlog) != 0) {
        throw_system_error(errno, "cannot listen on " + address.to_string());
    }
    return socket;
}

std::vector<UniqueFd> listen_side_by_side(const Address& address, std::size_t sockets, ListenOptions options) {
    std::vector<UniqueFd> all;
    all.push_back(listen_on(address, options));
    if (sockets <= 1) return all;
    // The first one has the port to itself before it shares it: had it asked to share before bind, it would have joined
    // whoever of the same user shares that port already.
    share_port(all.front().get());
    const Address shared = Address::of_local_end(all.front().get());
    options.reuse_port = true;
    while (all.size() < sockets) all.push_back(listen_on(shared, options));
    return all;
}

void set_nodelay(int socket, bool on) noexcept {
    const int value = on ? 1 : 0;
    calls::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value));
}

std::string ip_of_peer(int socket) {
    try {
        Address peer = Address::of_peer(socket);
        return peer.family() == AF_UNIX ? std::string() : peer.host();
    } catch (const std::system_error&) {
        return {};
    }
}

int unacknowledged_bytes(int socket) noexcept {
    return calls::unacknowledged_bytes(socket);
}

}  // namespace stepwise::net
