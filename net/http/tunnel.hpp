// Through a proxy to a server (RFC 9110 §9.3.6): behind the proxy's 2xx the connection is one to the server.
//
// Says CONNECT and reads the answer's head, no byte more. What comes then, TLS or not, is the caller's. Throws
// std::system_error naming the proxy and what it said. The loop's thread.
#pragma once

#include <stepwise/net/stream.hpp>
#include <stepwise/net/url.hpp>

#include <string>

namespace stepwise::http {

// The stream outlives the call. `authorization`: the proxy's Proxy-Authorization, empty for none. Cancel-safe in that
// the connection is then of no use.
Coro<void> open_tunnel(net::Stream& stream, net::Url proxy, net::Url server, std::string authorization = {});

}  // namespace stepwise::http
