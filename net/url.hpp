// Url: where a client goes and what it asks for there, as a value: http, https, ws or wss (RFC 9110 §4.2, RFC 6455 §3).
//
//     std::string error;
//     std::optional<net::Url> url = net::Url::parse("http://example.com:8080/a?b", error);
//
// What it holds was checked by `parse`, strictly (RFC 3986): the host and the path can be written into a request as
// they are. Scheme and host are in lower case; the path stays as it was written, escapes and dots included. The
// fragment is left out, as it is never sent (RFC 9110 §7.1). User information is refused: it is how a link lies about
// its host (§4.2.4). Copyable; resolves no name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stepwise::net {

class Url {
public:
    // Nothing for a text that is not such a URL; `error` then says in one line what is wrong with it, and where.
    static std::optional<Url> parse(std::string_view text, std::string& error);

    // What `reference` means in a document or a redirect of this URL (RFC 3986 §5.2): absolute, "//host/path", "/path",
    // "path", "../path", "?query", or nothing at all. As `parse` otherwise; its fragment is left out.
    std::optional<Url> join(std::string_view reference, std::string& error) const;

    const std::string& scheme() const noexcept { return scheme_; }  // "http", "https", "ws" or "wss"
    // Whether TLS is asked for: https and wss.
    bool is_secure() const noexcept { return scheme_.back() == 's' && scheme_.size() != 2; }
    // A name, dotted IPv4, or IPv6 without its brackets: what a resolver takes.
    const std::string& host() const noexcept { return host_; }
    // As written, or the scheme's own: 80 for http and ws, 443 for https and wss.
    std::uint16_t port() const noexcept { return port_; }
    // The target of a request in origin form (RFC 9112 §3.2.1): begins with '/'.
    const std::string& path_and_query() const noexcept { return path_and_query_; }
    // The value of a Host field (RFC 9110 §7.2): "example.com", "example.com:8080", "[::1]:8080".
    std::string host_field() const;
    // Whether both lead to the same server by the same scheme (RFC 6454 §5): what one is told, the other may know.
    bool same_origin(const Url& other) const noexcept {
        return scheme_ == other.scheme_ && host_ == other.host_ && port_ == other.port_;
    }
    // All of it; `parse` makes an equal one of this.
    std::string to_string() const;

    bool operator==(const Url&) const = default;

private:
    Url() = default;

    std::string scheme_;
    std::string host_;
    std::string path_and_query_;
    std::uint16_t port_ = 0;
};

}  // namespace stepwise::net
