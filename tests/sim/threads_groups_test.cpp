// Several loops in one simulated world: one listener, one socket, one port for all of them, and a LoopGroup.
#include <stepwise/net/listener.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/tests/sim/threads_support.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <set>
#include <vector>

using namespace sim_test;

namespace {

// ---- one descriptor on two loops

Coro<void> echo_a_line(net::Stream stream) {
    while (std::optional<std::string> line = co_await stream.read_until("\n")) {
        co_await stream.write_all(*line);
    }
}

Coro<void> accept_once(int listening, char name, std::string& order) {
    net::Stream stream = co_await net::accept_from(listening);
    order += name;
    co_await echo_a_line(std::move(stream));
}

Coro<void> ask_once(net::Address server) {
    net::Stream stream = co_await net::Stream::connect(server);
    co_await stream.write_all("hello\n");
    std::optional<std::string> heard = co_await stream.read_until("\n");
    CHECK(heard == "hello\n");
}

Coro<void> ask_twice(net::Address server) {
    co_await ask_once(server);
    co_await ask_once(server);
}

std::string accept_on_two_loops(std::uint64_t seed) {
    std::string order;
    in_a_program(seed, [&order] {
        own::sleep_for(1s);
        UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
        const net::Address address = net::Address::of_local_end(listening.get());
        Thread one([&] { run(accept_once(listening.get(), 'a', order)); });
        Thread other([&] { run(accept_once(listening.get(), 'b', order)); });
        own::sleep_for(1s);
        run(ask_twice(address));
        one.join();
        other.join();
    });
    return order;
}

}  // namespace

TEST_CASE("two loops that accept from one listener both get a connection, and the seed says who is first") {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const std::string order = accept_on_two_loops(seed);
        CHECK(accept_on_two_loops(seed) == order);
        orders.insert(order);
    }
    CHECK(orders == std::set<std::string>{"ab", "ba"});
}

namespace {

Coro<void> listen_until(UniqueFd listening, std::atomic<int>& accepted, int all, int& own_share) {
    EventLoop& loop = EventLoop::current();
    net::Listener listener(loop, std::move(listening), [&](UniqueFd) {
        ++accepted;
        ++own_share;
    });
    while (accepted < all) co_await sleep(1ms);
}

Coro<void> connect_often(net::Address server, int times) {
    for (int time = 0; time < times; ++time) net::Stream stream = co_await net::Stream::connect(server);
}

}  // namespace

TEST_CASE("two loops that listen with copies of one descriptor share its connections") {
    in_a_program(1, [] {
        own::sleep_for(1s);
        UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
        const net::Address address = net::Address::of_local_end(listening.get());
        UniqueFd copy(calls::duplicate(listening.get()));
        std::atomic<int> accepted = 0;
        std::array<int, 2> shares{};
        Thread one([&] { run(listen_until(std::move(listening), accepted, 20, shares[0])); });
        Thread other([&] { run(listen_until(std::move(copy), accepted, 20, shares[1])); });
        own::sleep_for(1ms);
        run(connect_often(address, 20));
        one.join();
        other.join();
        CHECK(shares[0] > 0);
        CHECK(shares[1] > 0);
        CHECK(shares[0] + shares[1] == 20);
    });
}

TEST_CASE("two loops that read from one socket take what comes, first come first served") {
    std::set<std::string> heard_at_all;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        in_a_program(seed, [&heard_at_all] {
            own::sleep_for(1s);
            int ends[2] = {-1, -1};
            REQUIRE(calls::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
            UniqueFd here(ends[0]);
            UniqueFd there(ends[1]);
            std::string one_heard;
            std::string other_heard;
            Thread one([&] { run(receive_a_byte(here.get(), one_heard)); });
            Thread other([&] { run(receive_a_byte(here.get(), other_heard)); });
            own::sleep_for(1s);
            CHECK(one_heard + other_heard == "");
            REQUIRE(calls::send(there.get(), "1", 1) == 1);
            own::sleep_for(1s);
            CHECK(one_heard + other_heard == "1");
            REQUIRE(calls::send(there.get(), "2", 1) == 1);
            one.join();
            other.join();
            heard_at_all.insert(one_heard + other_heard);
        });
    }
    CHECK(heard_at_all == std::set<std::string>{"12", "21"});
}

// ---- a group of loops

namespace {

struct Share {
    UniqueFd listening;
    Event stop;
    int accepted = 0;
};

Coro<void> serve_share(std::vector<Share>& shares, std::size_t index) {
    Share& share = shares[index];
    EventLoop& loop = EventLoop::current();
    net::Listener listener(loop, std::move(share.listening), [&](UniqueFd socket) {
        ++share.accepted;
        loop.create_task(echo_a_line(net::Stream(loop, std::move(socket))));
    });
    co_await share.stop.wait();
}

Coro<void> ask_for_three_lines(net::Address server, int client, int& right) {
    net::Stream stream = co_await net::Stream::connect(server);
    for (int number = 0; number < 3; ++number) {
        const std::string line = std::to_string(client) + "/" + std::to_string(number) + std::string(2000, '.') + "\n";
        co_await stream.write_all(line);
        std::optional<std::string> heard = co_await stream.read_until("\n");
        if (heard == line) ++right;
    }
}

Coro<void> be_fifty_clients(net::Address server, int& right) {
    std::vector<Task<void>> clients;
    for (int client = 0; client < 50; ++client) {
        clients.push_back(EventLoop::current().create_task(ask_for_three_lines(server, client, right)));
    }
    for (Task<void>& client : clients) co_await client;
}

struct Outcome {
    std::vector<int> shares;
    int right = 0;
    std::string address;
    TimePoint ended;

    bool operator==(const Outcome&) const = default;
};

void serve_fifty_clients(LoopGroup& group, std::vector<UniqueFd> sockets, Outcome& outcome) {
    const net::Address address = net::Address::of_local_end(sockets[0].get());
    std::vector<Share> shares(group.size());
    for (std::size_t index = 0; index < group.size(); ++index) shares[index].listening = std::move(sockets[index]);
    group.start([&shares](LoopGroup&, std::size_t index) { return serve_share(shares, index); });
    run(be_fifty_clients(address, outcome.right));
    for (std::size_t index = 0; index < group.size(); ++index) {
        group.post(index, [&shares, index] { shares[index].stop.set(); });
    }
    group.join();
    for (const Share& share : shares) outcome.shares.push_back(share.accepted);
    outcome.address = address.to_string();
    outcome.ended = own::now();
}

std::vector<UniqueFd> listen_for(std::size_t loops) {
    return net::listen_side_by_side(net::Address::tcp("127.0.0.1", 0), loops);
}

Outcome serve_fifty_clients(std::uint64_t seed, std::size_t loops) {
    Outcome outcome;
    ::setenv("STEPWISE_SIM", "split=0.05,delay=0.05,short_read=0.05,short_write=0.05", 1);
    in_a_program(seed, [&outcome, loops] {
        LoopGroup group(loops);
        serve_fifty_clients(group, listen_for(loops), outcome);
    });
    ::unsetenv("STEPWISE_SIM");
    return outcome;
}

}  // namespace

TEST_CASE("the loops of a LoopGroup share a port's connections by the seed, and every reply is right") {
    std::set<std::vector<int>> shares;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const Outcome outcome = serve_fifty_clients(seed, 2 + seed % 2);
        CHECK(outcome.right == 150);
        int accepted = 0;
        for (int share : outcome.shares) {
            CHECK(share > 0);
            accepted += share;
        }
        CHECK(accepted == 50);
        CHECK(serve_fifty_clients(seed, 2 + seed % 2) == outcome);
        shares.insert(outcome.shares);
    }
    CHECK(shares.size() > 5);
}

TEST_CASE("the loops' listeners may be older than the simulation") {
    in_a_program(1, [] {
        Outcome outcome;
        std::vector<UniqueFd> sockets = listen_for(3);
        LoopGroup group(3);
        serve_fifty_clients(group, std::move(sockets), outcome);
        CHECK(outcome.right == 150);
        for (int share : outcome.shares) CHECK(share > 0);
    });
}

TEST_CASE("LoopGroup::run has a simulated loop on the calling thread, and the others beside it") {
    in_a_program(1, [] {
        std::string order;
        const TimePoint began = own::now();
        LoopGroup group(3);
        group.run([&order](LoopGroup&, std::size_t index) { return tick(2, static_cast<char>('a' + index), order); });
        CHECK(std::multiset<char>(order.begin(), order.end()) == std::multiset<char>{'a', 'a', 'b', 'b', 'c', 'c'});
        CHECK(own::now() - began < 3s);
    });
}
