#include <netdb.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <cerrno>
#include <memory>
#include <string_view>

namespace stepwise::net {

namespace {

class ResolverCategory final : public std::error_category {
public:
    const char* name() const noexcept override { return "getaddrinfo"; }
    std::string message(int code) const override { return gai_strerror(code); }
};

// A value, so that the thread throws nothing: the error is made where it is caught.
struct Lookup {
    int code = 0;
    int error_number = 0;  // for EAI_SYSTEM
    std::vector<Address> addresses;
};

Lookup look_up(const std::string& host, std::uint16_t port) {
    if (const auto simulated = calls::look_up_simulated(host)) {
        Lookup lookup;
        for (const std::string& ip : *simulated) lookup.addresses.push_back(Address::tcp(ip, port));
        if (lookup.addresses.empty()) lookup.code = EAI_NONAME;
        return lookup;
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    const std::string service = std::to_string(port);
    addrinfo* found = nullptr;
    Lookup lookup;
    lookup.code = getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    if (lookup.code != 0) {
        lookup.error_number = errno;
        return lookup;
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
        lookup.addresses.push_back(Address::from_socket_address(entry->ai_addr, entry->ai_addrlen));
    }
    if (lookup.addresses.empty()) lookup.code = EAI_NONAME;
    return lookup;
}

bool is_localhost(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    const std::string_view last = host.substr(host.rfind('.') + 1);
    return http::equal_ignoring_case(last, "localhost");
}

[[noreturn]] void throw_failure(const Lookup& lookup, const std::string& host) {
    const std::string what = "cannot look up the host '" + host + "'";
    if (lookup.code == EAI_SYSTEM) throw_system_error(lookup.error_number, what);
    throw std::system_error(lookup.code, resolver_category(), what);
}

}  // namespace

const std::error_category& resolver_category() noexcept {
    static const ResolverCategory category;
    return category;
}

Coro<std::vector<Address>> resolve(std::string host, std::uint16_t port) {
    Lookup lookup;
    if (const std::optional<Address> number = Address::from_number(host, port)) {
        lookup.addresses = {*number};
    } else if (is_localhost(host)) {
        lookup.addresses = {Address::tcp("127.0.0.1", port), Address::tcp("::1", port)};
    } else if (host.empty() || host.find('\0') != std::string::npos) {
        lookup.code =
            EAI_NONAME;  // getaddrinfo would take the first for any address, and the second for its first half
    } else {
        const auto job = [host, port] { return look_up(host, port); };
        Future<Lookup> looking = EventLoop::current().run_in_executor(job);
        lookup = co_await std::move(looking);
    }
    if (lookup.code != 0) throw_failure(lookup, host);
    co_return std::move(lookup.addresses);
}

}  // namespace stepwise::net
