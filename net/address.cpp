#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <stepwise/net/address.hpp>
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/errors.hpp>

#include <fmt/format.h>

#include <cassert>
#include <cstddef>
#include <cstring>
#include <stdexcept>

namespace stepwise::net {

Address Address::tcp(std::string_view ip, std::uint16_t port) {
    const std::optional<Address> address = from_number(ip == "localhost" ? "127.0.0.1" : ip, port);
    if (!address) throw std::invalid_argument(fmt::format("'{}' is not an IP address", ip));
    return *address;
}

std::optional<Address> Address::from_number(std::string_view ip, std::uint16_t port) {
    if (ip.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string text(ip);
    Address address;
    auto* four = reinterpret_cast<sockaddr_in*>(&address.storage_);
    auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage_);
    if (inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        address.size_ = sizeof(sockaddr_in);
    } else if (inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        address.size_ = sizeof(sockaddr_in6);
    } else {
        return std::nullopt;
    }
    return address;
}

Address Address::from_socket_address(const sockaddr* address, socklen_t size) noexcept {
    assert(size <= sizeof(sockaddr_storage));
    Address copy;
    std::memcpy(&copy.storage_, address, size);
    copy.size_ = size;
    return copy;
}

Address Address::unix_socket(std::string_view path) {
    Address address;
    auto* local = reinterpret_cast<sockaddr_un*>(&address.storage_);
    if (path.empty() || path.size() >= sizeof(local->sun_path)) {
        throw std::invalid_argument(fmt::format("the path of a Unix socket has 1 to {} bytes, got {}",
                                                sizeof(local->sun_path) - 1, path.size()));
    }
    local->sun_family = AF_UNIX;
    std::memcpy(local->sun_path, path.data(), path.size());
    address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
}

Address Address::of_local_end(int socket) {
    Address address;
    address.size_ = sizeof(address.storage_);
    if (calls::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) {
        throw_system_error(errno, "getsockname");
    }
    return address;
}

Address Address::of_peer(int socket) {
    Address address;
    address.size_ = sizeof(address.storage_);
    if (calls::getpeername(socket, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) {
        throw_system_error(errno, "getpeername");
    }
    return address;
}

std::string Address::host() const {
    char text[INET6_ADDRSTRLEN] = "";
    switch (family()) {
        case AF_INET:
            return inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text, sizeof(text));
        case AF_INET6:
            return inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text,
                             sizeof(text));
        case AF_UNIX:
            if (size_ <= offsetof(sockaddr_un, sun_path)) return "";
            return reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
        default:
            return "";
    }
}

std::uint16_t Address::port() const noexcept {
    if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
    if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
    return 0;
}

std::string Address::to_string() const {
    if (family() == AF_UNIX) return "unix:" + host();
    if (family() == AF_INET6) return fmt::format("[{}]:{}", host(), port());
    return fmt::format("{}:{}", host(), port());
}

}  // namespace stepwise::net
