#include <stepwise/net/connect.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/runtime/io.hpp>

#include <fmt/format.h>

namespace stepwise::net {

namespace {

// Throws without a word about where to, which the callers below know better.
Coro<UniqueFd> connect_once(const Address& address) {
    UniqueFd socket = make_stream_socket(address.family());
    io::Known known(socket.get());  // whatever happens: before the socket is closed, or gets an owner that closes it
    co_await io::connect(known.fd(), address.get(), address.size());
    co_return socket;
}

}  // namespace

Coro<UniqueFd> connect_socket(Address address) {
    try {
        co_return co_await connect_once(address);
    } catch (const std::system_error& error) {
        throw_system_error(error.code().value(), "cannot connect to " + address.to_string());
    }
}

Coro<UniqueFd> connect_socket(std::string host, std::uint16_t port) {
    const std::vector<Address> addresses = co_await resolve(host, port);
    int failure = 0;
    for (const Address& address : addresses) {
        try {
            co_return co_await connect_once(address);
        } catch (const std::system_error& error) {
            failure = error.code().value();
        }
    }
    const Address& last = addresses.back();
    if (last.host() == host) throw_system_error(failure, "cannot connect to " + last.to_string());
    throw_system_error(failure, fmt::format("cannot connect to {} at {}", host, last.to_string()));
}

}  // namespace stepwise::net
