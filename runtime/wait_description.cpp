#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/wait_description.hpp>

#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace stepwise {

namespace {

std::string peer_of(int socket) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (calls::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        const auto& ip = reinterpret_cast<const sockaddr_in&>(address);
        ::inet_ntop(AF_INET, &ip.sin_addr, text, sizeof text);
        return fmt::format("{}:{}", text, ntohs(ip.sin_port));
    }
    if (address.ss_family == AF_INET6) {
        const auto& ip = reinterpret_cast<const sockaddr_in6&>(address);
        ::inet_ntop(AF_INET6, &ip.sin6_addr, text, sizeof text);
        return fmt::format("[{}]:{}", text, ntohs(ip.sin6_port));
    }
    return address.ss_family == AF_UNIX ? "a Unix socket" : std::string();
}

}  // namespace

std::string describe_socket(int socket) {
    std::string text;
    if (std::string peer = peer_of(socket); !peer.empty()) text += " to " + peer;
    int bytes = calls::unacknowledged_bytes(socket);
    if (bytes > 0) {
        text += fmt::format(", {} bytes sent that the peer has not acknowledged", bytes);
    }
    bytes = calls::unread_bytes(socket);
    if (bytes > 0) text += fmt::format(", {} bytes to be read", bytes);
    return text;
}

void WaitDescription::waits_for_descriptor(const char* call, int fd) {
    outside = true;
    what = fmt::format("{} on descriptor {}{}", call, fd, describe_socket(fd));
}

void describe_wait(WaitDescription& description, std::string what) {
    description.what = std::move(what);
}

void describe_wait(WaitDescription& description, std::string what, std::uint32_t holder_task_id) {
    description.what = std::move(what);
    description.holder_task_id = holder_task_id;
}

void Sleep::describe(const Suspension& suspension, WaitDescription& description) {
    const auto& self = static_cast<const Sleep&>(suspension);
    description.outside = true;
    description.what = fmt::format("a sleep of {} s to be over", std::chrono::duration<double>(self.duration_).count());
}

}  // namespace stepwise
