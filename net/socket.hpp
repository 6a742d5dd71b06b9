// Making and tuning sockets: thin, blocking nowhere, errors as std::system_error that names the call.
//
//     UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
//     net::Address address = net::Address::of_local_end(listening.get());   // with the port that was chosen
//
// Every socket is non-blocking and close-on-exec from its first instant.
#pragma once

#include <stepwise/net/address.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace stepwise::net {

// `family`: AF_INET, AF_INET6, AF_UNIX. socket(2).
UniqueFd make_stream_socket(int family);

struct ListenOptions {
    int backlog = 1024;       // connections that wait in the kernel; also bounded by net.core.somaxconn (listen(2))
    bool reuse_port = false;  // several listeners share the port, and the kernel spreads connections over them
};

// A bound, listening socket. Port 0 takes any free one. SO_REUSEADDR is set, so that a server can come back at once.
// The error of a taken port says which address, EADDRINUSE.
UniqueFd listen_on(const Address& address, ListenOptions options = {});

// So many sockets that listen on one port, for a loop each: the kernel spreads connections over them. Port 0: all get
// the one that the first got. TCP only. A port that is taken is refused, EADDRINUSE, even if who has it would share it;
// later a process of the same user that asks for SO_REUSEPORT gets a share (socket(7)).
std::vector<UniqueFd> listen_side_by_side(const Address& address, std::size_t sockets, ListenOptions options = {});

// TCP only, and harmless elsewhere. tcp(7): small writes go out at once.
void set_nodelay(int socket, bool on) noexcept;

// The peer's IP address as text; empty for a Unix socket, and for a peer that is gone already.
std::string ip_of_peer(int socket);

// Bytes that were written and that the peer's kernel has not acknowledged. TCP only: -1 elsewhere (SIOCOUTQ, tcp(7)).
int unacknowledged_bytes(int socket) noexcept;

}  // namespace stepwise::net
