// Where a request comes from when proxies stand in front of the server.
//
//     http::TrustedProxies proxies({"10.0.0.0/8", "2001:db8::1"});
//     std::string_view client = proxies.client_of(request, "10.1.2.3");
//
// X-Forwarded-For is read from its end: each address was added by the one behind it, so the first that is no proxy of
// ours is the client, and whatever stands before it is only the client's own word. Thread-safe once made.
#pragma once

#include <array>
#include <cstdint>
#include <stepwise/net/http/message.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

class TrustedProxies {
public:
    TrustedProxies() = default;
    // IP addresses, or networks with the bits of their prefix: "10.0.0.0/8". Throws std::invalid_argument for others.
    explicit TrustedProxies(const std::vector<std::string>& networks);

    bool empty() const { return networks_.empty(); }
    // False for what is no address.
    bool trusts(std::string_view ip) const;
    // `peer`: who is connected. A view into the request's head, or `peer`.
    std::string_view client_of(const Request& request, std::string_view peer) const;
    // Whether the client came by https: what a peer that is trusted says in X-Forwarded-Proto, once and in one word;
    // else what is so of the peer's own connection.
    bool is_secure(const Request& request, std::string_view peer, bool peer_is_secure) const;

private:
    // An IPv4 address as ::ffff:a.b.c.d.
    using Bytes = std::array<std::uint8_t, 16>;
    struct Network {
        Bytes bytes;
        unsigned bits;
    };
    static bool parse(std::string_view ip, Bytes& bytes);

    std::vector<Network> networks_;
};

}  // namespace stepwise::http
