// From a host's name to addresses, without blocking the loop: getaddrinfo(3) on a thread of the loop's pool.
//
//     std::vector<net::Address> addresses = co_await net::resolve("localhost", 80);
//
// It asks what the machine asks: /etc/hosts, DNS, in the order of nsswitch.conf, and keeps no answers. A lookup that a
// thread has begun cannot be interrupted: when its task is cancelled it goes on and the answer is dropped, and a loop
// that ends waits for it (resolv.conf(5) bounds that). At most ThreadPool's threads_max lookups run at a time, others
// queue.
#pragma once

#include <stepwise/net/address.hpp>
#include <stepwise/runtime/coro.hpp>

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

namespace stepwise::net {

// The codes of getaddrinfo(3): EAI_NONAME, EAI_AGAIN …
const std::error_category& resolver_category() noexcept;

// The TCP addresses of `host`, best first (RFC 6724); never none. Numbers come back at once, as does "localhost" with
// every name below it, which is 127.0.0.1 and ::1 whatever the machine's tables say (RFC 6761 §6.3). IPv6 without
// brackets. Cancel-safe. Throws std::system_error naming the host; LimitError when the pool's queue is full.
Coro<std::vector<Address>> resolve(std::string host, std::uint16_t port);

}  // namespace stepwise::net
