// Connecting by name to hosts with several addresses, of which some are silent (RFC 8305): on the simulator, whose
// clock says exactly when each attempt began.
#include <stepwise/net/connect.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/sim/support.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <vector>

using namespace sim_test;
using Ips = std::vector<std::string>;

namespace {

constexpr std::uint16_t port = 80;

struct Hosts {
    Ips addresses;  // of host.test, in the order of the lookup
    Ips silent;     // nobody answers there
    Ips listening;  // a server accepts
};

struct Outcome {
    std::string peer;  // or what was thrown
    Duration took{};
    std::size_t accepted = 0;  // of all listeners, a second later
};

Coro<void> count_connections(int listening, std::size_t& count) {
    for (;;) {
        net::Stream stream = co_await net::accept_from(listening);
        ++count;
    }
}

std::vector<UniqueFd> prepare(const Hosts& hosts) {
    sim::world().add_host("host.test", hosts.addresses);
    for (const std::string& ip : hosts.silent) sim::world().network.partition(ip);
    std::vector<UniqueFd> sockets;
    for (const std::string& ip : hosts.listening) sockets.push_back(net::listen_on(net::Address::tcp(ip, port)));
    return sockets;
}

Coro<Outcome> connected(Hosts hosts) {
    const std::vector<UniqueFd> sockets = prepare(hosts);
    EventLoop& loop = EventLoop::current();
    Outcome outcome;
    std::vector<Task<void>> counting;
    for (const UniqueFd& socket : sockets) {
        counting.push_back(loop.create_task(count_connections(socket.get(), outcome.accepted)));
    }
    const TimePoint before = loop.time();
    try {
        UniqueFd socket = co_await net::connect_socket("host.test", port);
        outcome.took = loop.time() - before;
        outcome.peer = net::ip_of_peer(socket.get());
        co_await sleep(1s);
    } catch (const std::system_error& error) {
        outcome.took = loop.time() - before;
        outcome.peer = error.what();
    }
    for (Task<void>& task : counting) task.cancel();
    co_await sleep(1ms);
    co_return outcome;
}

Outcome outcome_of(Hosts hosts) {
    return run_on(sim::Options(), connected(std::move(hosts)));
}

const std::string six = "2001:db8::1";
const std::string six_too = "2001:db8::2";
const std::string four = "10.0.0.1";
const std::string four_too = "10.0.0.2";

}  // namespace

TEST_CASE("the first address is taken when it answers, and nobody else is asked") {
    const Outcome outcome = outcome_of({{six, four}, {}, {six, four}});
    CHECK(outcome.peer == six);
    CHECK(outcome.took < 50ms);
    CHECK(outcome.accepted == 1);
}

TEST_CASE("a silent address gets 250 ms before the next one is tried beside it") {
    const Outcome outcome = outcome_of({{six, four}, {six}, {four}});
    CHECK(outcome.peer == four);
    CHECK(outcome.took >= 250ms);
    CHECK(outcome.took < 260ms);
    CHECK(outcome.accepted == 1);
}

TEST_CASE("one that refuses is not waited for") {
    const Outcome outcome = outcome_of({{six, four}, {}, {four}});
    CHECK(outcome.peer == four);
    CHECK(outcome.took < 50ms);
}

TEST_CASE("families alternate, so that two broken ones of the first cost one wait") {
    const Outcome outcome = outcome_of({{six, six_too, four, four_too}, {six, six_too}, {four, four_too}});
    CHECK(outcome.peer == four);
    CHECK(outcome.took >= 250ms);
    CHECK(outcome.took < 260ms);
    const Outcome last = outcome_of({{six, six_too, four, four_too}, {six, six_too, four}, {four_too}});
    CHECK(last.peer == four_too);
    CHECK(last.took >= 750ms);
    CHECK(last.took < 760ms);
}

TEST_CASE("the earlier one still wins when it answers before the later one") {
    auto healed = [](Hosts hosts) -> Coro<Outcome> {
        EventLoop::current().call_later(3s, [] { sim::world().network.heal(six); });
        Coro<Outcome> connecting = connected(std::move(hosts));
        co_return co_await std::move(connecting);
    };
    // Asked again after 1, 3 and 7 seconds, as TCP does.
    const Outcome outcome = run_on(sim::Options(), healed({{six, four}, {six, four}, {six}}));
    CHECK(outcome.peer == six);
    CHECK(outcome.took >= 3s);
    CHECK(outcome.took < 8s);
    CHECK(outcome.accepted == 1);
}

TEST_CASE("when none takes the connection the error is that of the last address") {
    const Outcome refused = outcome_of({{six, four}, {}, {}});
    CHECK(refused.peer == "cannot connect to host.test at 10.0.0.1:80: Connection refused");
    CHECK(refused.took < 50ms);
    const Outcome silent = outcome_of({{six, four}, {six, four}, {}});
    CHECK(silent.peer == "cannot connect to host.test at 10.0.0.1:80: Connection timed out");
}

TEST_CASE("a connect that is cancelled between attempts leaves none behind") {
    auto cut_off = [](Hosts hosts) -> Coro<std::size_t> {
        const std::vector<UniqueFd> sockets = prepare(hosts);
        const int free_before = UniqueFd(calls::socket(AF_INET, SOCK_STREAM, 0)).get();
        Coro<UniqueFd> connecting = net::connect_socket("host.test", port);
        bool timed_out = false;
        try {
            UniqueFd socket = co_await timeout(600ms, std::move(connecting));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        CHECK(timed_out);
        CHECK(UniqueFd(calls::socket(AF_INET, SOCK_STREAM, 0)).get() == free_before);
        std::size_t late = 0;
        Task<void> counting = EventLoop::current().create_task(count_connections(sockets.front().get(), late));
        for (const std::string& ip : hosts.silent) sim::world().network.heal(ip);
        co_await sleep(20s);
        counting.cancel();
        co_await sleep(1ms);
        co_return late;
    };
    CHECK(run_on(sim::Options(), cut_off({{six, four, six_too}, {six, four, six_too}, {six}})) == 0);
}

TEST_CASE("the same seed connects in the same way, whatever the latencies") {
    sim::Options options;
    options.latency = sim::Span{1ms, 600ms};
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        options.seed = seed;
        const Hosts hosts{{six, four, six_too, four_too}, {six}, {four, six_too, four_too}};
        const Outcome once = run_on(options, connected(hosts));
        const Outcome again = run_on(options, connected(hosts));
        CHECK(once.peer == again.peer);
        CHECK(once.took == again.took);
        CHECK(once.peer.find("cannot") == std::string::npos);
    }
}
