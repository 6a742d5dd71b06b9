// A socket address as a value: IPv4, IPv6 or the path of a Unix socket. No name is looked up here.
//
//     net::Address address = net::Address::tcp("127.0.0.1", 8080);
//     std::string text = address.to_string();
//
// Made from numbers and text that a caller has, or taken from a socket. Copyable; owns nothing outside itself.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stepwise::net {

class Address {
public:
    Address() noexcept = default;

    // `ip`: dotted IPv4 or IPv6 text, or "localhost" for 127.0.0.1. Throws std::invalid_argument for anything else.
    static Address tcp(std::string_view ip, std::uint16_t port);
    // The same for numbers only; nothing for any other text.
    static std::optional<Address> from_number(std::string_view ip, std::uint16_t port);
    // Copied from what a system call filled.
    static Address from_socket_address(const sockaddr* address, socklen_t size) noexcept;
    // Throws std::invalid_argument for a path that is empty or does not fit sockaddr_un (107 bytes; unix(7)).
    static Address unix_socket(std::string_view path);
    // The local or remote end of a socket. Throws std::system_error.
    static Address of_local_end(int socket);
    static Address of_peer(int socket);

    const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
    socklen_t size() const noexcept { return size_; }
    int family() const noexcept { return storage_.ss_family; }

    // "127.0.0.1", "::1", or the path.
    std::string host() const;
    // 0 for a Unix socket.
    std::uint16_t port() const noexcept;
    // "127.0.0.1:80", "[::1]:80", "unix:/run/x".
    std::string to_string() const;

private:
    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

}  // namespace stepwise::net
