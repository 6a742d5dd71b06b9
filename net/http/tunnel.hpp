// Through a proxy to a server (RFC 9110 §9.3.6): behind the proxy's 2xx the connection is one to the server.
//
// Says CONNECT and reads the answer's head, no byte more. What comes then, TLS or not, is the caller's. Throws
// TunnelRefused naming the proxy and what it said. The loop's thread.
#pragma once

#include <stepwise/net/stream.hpp>
#include <stepwise/net/url.hpp>

#include <string>
#include <system_error>

namespace stepwise::http {

// The proxy gave no tunnel: connection_refused.
class TunnelRefused : public std::system_error {
public:
    TunnelRefused(int proxy_status, const std::string& text)
        : std::system_error(std::make_error_code(std::errc::connection_refused), text), status(proxy_status) {}

    int status;  // of its answer; 0: that was no HTTP
};

// The stream outlives the call. `authorization`: the proxy's Proxy-Authorization, empty for none. Cancel-safe in that
// the connection is then of no use.
Coro<void> open_tunnel(net::Stream& stream, net::Url proxy, net::Url server, std::string authorization = {});

}  // namespace stepwise::http
