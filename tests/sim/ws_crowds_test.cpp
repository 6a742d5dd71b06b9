// Many WebSockets at once, over several seeds: they come and go ten thousand times, and all end when the server does.
#include <stepwise/tests/sim/ws_support.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

using namespace sim_test;

namespace {

constexpr int visits = 10'000 / static_cast<int>(seeds);  // of each seed
constexpr int visitors_at_once = 50;
constexpr int crowd = 300;
constexpr Duration echo_time_max = 12ms;

// How a peer goes. Both tables are in this order.
enum class Way : std::uint8_t { says_close, leaves, is_reset, stops_halfway, sends_on, count };
constexpr int ways = static_cast<int>(Way::count);

struct Crowd {
    Seen seen;
    int told_1001 = 0;
    Duration shutdown_time{};
    std::size_t connections_left = 0;
    std::size_t tasks_left = 0;

    std::map<unsigned, int> codes() const {
        std::map<unsigned, int> counts;
        for (const unsigned code : seen.codes) ++counts[code];
        return counts;
    }
};

Coro<void> visit(net::Address server, Way way) {
    Attacker visitor = co_await Attacker::connect(server, false, false);
    const std::string message = visitor.frame(Opcode::text, "hello");
    const std::string close = visitor.close_frame(4000);
    switch (way) {
        case Way::says_close:
            co_await visitor.send(close);
            break;
        case Way::stops_halfway:
            co_await visitor.send(message.substr(0, 4));
            break;
        case Way::sends_on:  // and closes behind it, so that what comes is not read any more
            co_await visitor.send(message + message + close + message);
            break;
        default:
            co_await visitor.send(message);
    }
    if (way == Way::is_reset) {
        co_await visitor.next();
        sim::world().reset(visitor.stream.fd());
    } else if (way == Way::says_close || way == Way::sends_on) {
        co_await visitor.hear_all();
    }
}

Coro<void> visit_often(net::Address server, int first) {
    for (int number = first; number < visits; number += visitors_at_once) {
        co_await visit(server, static_cast<Way>(number % ways));
    }
}

// Until the server goes; what each does then.
Coro<void> stay(net::Address server, Way way, int& told_1001) {
    Attacker guest = co_await Attacker::connect(server, false, false);
    const std::string message = guest.frame(Opcode::text, std::string(1000, 'm'));
    std::string heard;
    while (heard != "close" && heard != "end") {
        if (way == Way::sends_on) co_await guest.send(message);
        heard = co_await guest.next();
    }
    told_1001 += guest.told == 1001 ? 1 : 0;
    const std::string close = guest.close_frame(1001);
    switch (way) {
        case Way::says_close:
            co_await guest.send(close);
            break;
        case Way::leaves:
            co_return;
        case Way::is_reset:
            sim::world().reset(guest.stream.fd());
            co_return;
        case Way::stops_halfway:  // it never answers
            break;
        default:
            for (int count = 0; count < 100; ++count) co_await guest.send(message);
            co_await guest.send(close);
    }
    co_await guest.hear_all();
}

using Act = Coro<void> (*)(http::Server& server, net::Address address, Crowd& outcome);

Coro<void> come_and_go(http::Server&, net::Address address, Crowd&) {
    std::vector<Task<void>> all;
    for (int first = 0; first < visitors_at_once; ++first) {
        all.push_back(EventLoop::current().create_task(visit_often(address, first)));
    }
    for (Task<void>& one : all) co_await one;
    co_await sleep(100ms);
}

Coro<void> end_with_all(http::Server& server, net::Address address, Crowd& outcome) {
    EventLoop& loop = EventLoop::current();
    std::vector<Task<void>> all;
    for (int number = 0; number < crowd; ++number) {
        all.push_back(loop.create_task(stay(address, static_cast<Way>(number % ways), outcome.told_1001)));
    }
    co_await sleep(150ms);
    const TimePoint began = loop.time();
    co_await server.shutdown(20s);
    outcome.shutdown_time = loop.time() - began;
    for (Task<void>& one : all) co_await one;
}

Coro<Crowd> play(Act act) {
    EventLoop& loop = EventLoop::current();
    Crowd outcome;
    const auto make_router = [&outcome] {
        http::Router router;
        router.get("/", ws::handler<Echo>(small_limits(), std::ref(outcome.seen)));
        router.get("/calm", ws::coroutine(calm_echo));
        return router;
    };
    http::Server server(loop, make_router());
    http::Server other(loop, make_router());  // for who stands by, in the same loop
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    const net::Address calm = other.listen(net::Address::tcp("127.0.0.1", 0));
    bool is_over = false;
    Task<void> bystander = loop.create_task(stand_by("ws://" + calm.to_string() + "/calm", is_over, outcome.seen));
    co_await sleep(100ms);
    co_await act(server, address, outcome);
    is_over = true;
    co_await bystander;
    co_await server.shutdown(20s);
    co_await other.shutdown(20s);
    outcome.connections_left = server.connection_count();
    outcome.tasks_left = loop.task_count() - 1;
    co_return outcome;
}

Crowd played(std::uint64_t seed, Act act) {
    const long descriptors = open_descriptors();
    Crowd outcome = run_on(weather(seed), play(act));
    CHECK(open_descriptors() == descriptors);
    CHECK(outcome.connections_left == 0);
    CHECK(outcome.tasks_left == 0);
    CHECK(outcome.seen.echoes > 10);
    CHECK(outcome.seen.latest_echo <= echo_time_max);
    return outcome;
}

}  // namespace

TEST_CASE("ten thousand connections come and go, each in its way: every end is told, and nothing of them is left") {
    long held = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        const Crowd outcome = played(seed, come_and_go);
        CHECK(outcome.seen.opened == visits);
        CHECK(outcome.codes() == std::map<unsigned, int>{{1006, 3 * visits / ways}, {4000, 2 * visits / ways}});
        // What the first ones left in pools serves the others.
        if (seed > 1) CHECK(heap().held <= held + 64 * 1024);
        held = heap().held;
    }
}

TEST_CASE("a server that ends tells everybody 1001 and is gone in time, whatever each of the crowd does") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        const Crowd outcome = played(seed, end_with_all);
        CHECK(outcome.seen.opened == crowd);
        CHECK(outcome.told_1001 == crowd);
        CHECK(outcome.codes() == std::map<unsigned, int>{{1001, 2 * crowd / ways}, {1006, 3 * crowd / ways}});
        CHECK(outcome.shutdown_time >= 10s);  // close_timeout, for those that never answer
        CHECK(outcome.shutdown_time <= 12s);
    }
}
