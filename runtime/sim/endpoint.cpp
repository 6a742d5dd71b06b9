#include <stepwise/runtime/sim/endpoint.hpp>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>

namespace stepwise::sim {

namespace {

const sockaddr_in& four(const sockaddr_storage& storage) noexcept {
    return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& six(const sockaddr_storage& storage) noexcept {
    return reinterpret_cast<const sockaddr_in6&>(storage);
}

}  // namespace

Endpoint::Endpoint(int family) noexcept {
    storage_.ss_family = static_cast<sa_family_t>(family);
    size_ = family == AF_INET ? sizeof(sockaddr_in) : family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sa_family_t);
}

Endpoint::Endpoint(const sockaddr* address, socklen_t size) noexcept
    : size_(std::min<socklen_t>(size, sizeof(storage_))) {
    std::memcpy(&storage_, address, size_);
    if (family() == AF_INET) std::memset(reinterpret_cast<sockaddr_in&>(storage_).sin_zero, 0, 8);
}

Endpoint::Endpoint(std::string_view ip, std::uint16_t port)
    : Endpoint(ip.find(':') != std::string_view::npos ? AF_INET6 : AF_INET) {
    const std::string text(ip);
    void* host = family() == AF_INET ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(storage_).sin_addr)
                                     : static_cast<void*>(&reinterpret_cast<sockaddr_in6&>(storage_).sin6_addr);
    if (::inet_pton(family(), text.c_str(), host) != 1) {
        throw std::invalid_argument(fmt::format("'{}' is not an IP address", ip));
    }
    set_port(port);
}

std::uint16_t Endpoint::port() const noexcept {
    if (family() == AF_INET) return ntohs(four(storage_).sin_port);
    return family() == AF_INET6 ? ntohs(six(storage_).sin6_port) : std::uint16_t{0};
}

void Endpoint::set_port(std::uint16_t port) noexcept {
    if (family() == AF_INET) reinterpret_cast<sockaddr_in&>(storage_).sin_port = htons(port);
    if (family() == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage_).sin6_port = htons(port);
}

bool Endpoint::is_any_host() const noexcept {
    if (family() == AF_INET) return four(storage_).sin_addr.s_addr == htonl(INADDR_ANY);
    return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six(storage_).sin6_addr);
}

Endpoint Endpoint::with_host_of(const Endpoint& other) const noexcept {
    Endpoint changed = other;
    changed.set_port(port());
    return changed;
}

Endpoint Endpoint::with_any_host() const noexcept {
    return with_host_of(Endpoint(family()));
}

std::string Endpoint::host() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family() == AF_INET) return ::inet_ntop(AF_INET, &four(storage_).sin_addr, text, sizeof text);
    if (family() == AF_INET6) return ::inet_ntop(AF_INET6, &six(storage_).sin6_addr, text, sizeof text);
    constexpr std::size_t path_at = offsetof(sockaddr_un, sun_path);
    if (family() != AF_UNIX || size_ <= path_at) return {};
    std::string_view path = bytes().substr(path_at);
    return std::string(path.substr(0, path.find('\0', 1)));
}

std::string Endpoint::to_string() const {
    if (family() == AF_UNIX) return "unix:" + host();
    if (family() == AF_INET6) return fmt::format("[{}]:{}", host(), port());
    return fmt::format("{}:{}", host(), port());
}

int Endpoint::give(sockaddr* address, socklen_t* size) const noexcept {
    std::memcpy(address, &storage_, std::min(*size, size_));
    *size = size_;
    return 0;
}

}  // namespace stepwise::sim
