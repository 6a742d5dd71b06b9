#include <stepwise/net/connect.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/task_group.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>

namespace stepwise::net {

namespace {

// RFC 8305 §4: the order of the lookup, but the families alternate, beginning with the first one's.
std::vector<Address> families_in_turn(const std::vector<Address>& addresses) {
    const int first_family = addresses.front().family();
    const auto is_first = [=](const Address& address) { return address.family() == first_family; };
    std::vector<Address> firsts;
    std::vector<Address> others;
    std::ranges::partition_copy(addresses, std::back_inserter(firsts), std::back_inserter(others), is_first);
    std::vector<Address> mixed;
    for (std::size_t index = 0; index < std::max(firsts.size(), others.size()); ++index) {
        if (index < firsts.size()) mixed.push_back(firsts[index]);
        if (index < others.size()) mixed.push_back(others[index]);
    }
    return mixed;
}

// Throws without a word about where to, which the callers below know better.
Coro<UniqueFd> connect_once(const Address& address) {
    UniqueFd socket = make_stream_socket(address.family());
    io::Known known(socket.get());  // whatever happens: before the socket is closed, or gets an owner that closes it
    co_await io::connect(known.fd(), address.get(), address.size());
    co_return socket;
}

// What the attempts at one host share, in connect_socket's frame.
struct Attempts {
    explicit Attempts(const std::vector<Address>& of) : addresses(families_in_turn(of)) {}

    const std::vector<Address> addresses;
    std::size_t running = 0;
    UniqueFd winner;
    int failure = 0;  // of the last address
    Event changed;
};

// One that ends after the winner closes its socket.
Coro<void> attempt(Attempts& all, std::size_t index) {
    try {
        UniqueFd socket = co_await connect_once(all.addresses[index]);
        if (!all.winner) all.winner = std::move(socket);
    } catch (const std::system_error& error) {
        if (index + 1 == all.addresses.size()) all.failure = error.code().value();
    }
    --all.running;
    all.changed.set();
}

Coro<void> wait_for_change(Attempts& all, bool has_more) {
    all.changed.clear();
    struct Patience {
        Handle handle;
        ~Patience() { handle.cancel(); }
    } patience;
    if (has_more) {
        patience.handle = EventLoop::current().call_later(connection_attempt_delay, [&all] { all.changed.set(); });
    }
    co_await all.changed.wait();
}

// Each begins when the one before has failed, or has had its time; the first to succeed ends them all.
Coro<void> try_all(TaskGroup& group, Attempts& all) {
    for (std::size_t next = 0; next < all.addresses.size() && !all.winner; ++next) {
        ++all.running;
        group.start_soon(attempt, std::ref(all), next);
        const bool has_more = next + 1 < all.addresses.size();
        co_await wait_for_change(all, has_more);
    }
    while (!all.winner && all.running != 0) co_await wait_for_change(all, false);
    group.cancel();
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
    std::vector<Address> addresses = co_await resolve(host, port);
    Attempts attempts(std::move(addresses));
    if (attempts.addresses.size() == 1) {
        attempts.running = 1;
        co_await attempt(attempts, 0);
    } else {
        co_await task_group(try_all, std::ref(attempts));
    }
    if (attempts.winner) co_return std::move(attempts.winner);
    const Address& last = attempts.addresses.back();
    if (last.host() == host) throw_system_error(attempts.failure, "cannot connect to " + last.to_string());
    throw_system_error(attempts.failure, fmt::format("cannot connect to {} at {}", host, last.to_string()));
}

}  // namespace stepwise::net
