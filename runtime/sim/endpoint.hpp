// One end's address, as the system calls give it: a value that can be compared and ordered.
#pragma once

#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace stepwise::sim {

class Endpoint {
public:
    Endpoint() noexcept = default;
    explicit Endpoint(int family) noexcept;
    Endpoint(const sockaddr* address, socklen_t size) noexcept;
    // Numbers only.
    Endpoint(std::string_view ip, std::uint16_t port);

    int family() const noexcept { return storage_.ss_family; }
    std::uint16_t port() const noexcept;
    void set_port(std::uint16_t port) noexcept;
    // 0.0.0.0 or ::
    bool is_any_host() const noexcept;
    Endpoint with_host_of(const Endpoint& other) const noexcept;
    Endpoint with_any_host() const noexcept;
    // "127.0.0.1", "::1", the path
    std::string host() const;
    // "127.0.0.1:80", "[::1]:80", "unix:/run/x"
    std::string to_string() const;

    // As getsockname does.
    int give(sockaddr* address, socklen_t* size) const noexcept;

    bool operator==(const Endpoint& other) const noexcept { return bytes() == other.bytes(); }
    std::strong_ordering operator<=>(const Endpoint& other) const noexcept { return bytes() <=> other.bytes(); }

private:
    std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(&storage_), size_}; }

    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

}  // namespace stepwise::sim
