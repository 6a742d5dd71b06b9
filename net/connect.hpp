// From an address, or a host's name, to a connected socket: what a Stream, a Transport and every client begin with.
//
//     UniqueFd socket = co_await net::connect_socket("127.0.0.1", port);   // or a name
//
// The socket is non-blocking, close-on-exec, and the caller's; the reactor does not know it (any more), so it may be
// closed at any time. Cancel-safe: a cancelled connect has closed its socket. How long it takes is for the caller's
// `timeout` to say: the kernel alone gives up on a silent peer after some two minutes (tcp(7), tcp_syn_retries).
#pragma once

#include <stepwise/net/address.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace stepwise::net {

// TCP or Unix, whatever the address is. Throws std::system_error naming the address.
Coro<UniqueFd> connect_socket(Address address);

// One address gets so long before the next one is tried beside it (RFC 8305 §5).
inline constexpr std::chrono::milliseconds connection_attempt_delay{250};

// Resolves `host` (see resolver.hpp) and tries its addresses, IPv6 and IPv4 in turn: the next one when one has failed
// or does not answer for connection_attempt_delay. The first that answers is taken, and the others are closed. Throws
// the std::system_error of the lookup, or of the last address, naming both host and address.
Coro<UniqueFd> connect_socket(std::string host, std::uint16_t port);

}  // namespace stepwise::net
