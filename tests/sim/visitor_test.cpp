// Scripted peers: what they say and hear, and what becomes of them when a connection ends.
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sim/visitor.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/sim/support.hpp>

#include <doctest/doctest.h>

#include <csignal>

using namespace sim_test;

namespace {

struct Guests {
    std::vector<std::string> heard;  // what each connection said, whole
    int interrupted = 0;
};

Coro<void> serve_one(net::Stream stream, Guests& guests) {
    std::string all;
    std::string block(4096, '\0');
    while (std::size_t count = co_await stream.read_some(block)) {
        const std::string_view bytes = std::string_view(block).substr(0, count);
        all += bytes;
        if (bytes.starts_with("bye")) break;
        co_await stream.write_all(bytes);
    }
    guests.heard.push_back(all);
}

Coro<void> serve(int listening, Guests& guests, std::vector<Task<void>>& all) {
    for (;;) {
        net::Stream stream = co_await net::accept_from(listening);
        all.push_back(EventLoop::current().create_task(serve_one(std::move(stream), guests)));
    }
}

Coro<Guests> visited(std::string_view script) {
    EventLoop& loop = EventLoop::current();
    Guests guests;
    const auto visitors = sim::visitors_of(sim::world().network, script, "script");
    loop.add_signal_handler(SIGINT, [&guests] { ++guests.interrupted; });
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    std::vector<Task<void>> serving;
    Task<void> server = loop.create_task(serve(listening.get(), guests, serving));
    co_await sleep(1min);
    server.cancel();
    loop.remove_signal_handler(SIGINT);
    for (const auto& visitor : visitors) visitor->let_go();
    co_await sleep(1min);
    co_return guests;
}

Guests guests_of(std::string_view script) {
    return run_on(sim::Options(), visited(script));
}

}  // namespace

TEST_CASE("a visitor sends, hears, leaves and comes again, and interrupts the program") {
    const Guests guests = guests_of(
        "# said twice\n\nvisitor A\nconnect\nsend one\\r\\n\nhear one\nleave\n"
        "connect\nsend two\\\\\nhear two\nleave\ninterrupt\n");
    CHECK(guests.heard == std::vector<std::string>{"one\r\n", "two\\"});
    CHECK(guests.interrupted == 1);
}

TEST_CASE("a WebSocket's words are frames: masked, as a client's are") {
    const Guests guests = guests_of("visitor A\nconnect\nupgrade /room\nsay hi\nhear hi\nclose\nleave\n");
    REQUIRE(guests.heard.size() == 1);
    const std::string& text = guests.heard[0];
    CHECK(text.starts_with("GET /room HTTP/1.1\r\n"));
    const std::string frames = text.substr(text.find("\r\n\r\n") + 4);
    CHECK(frames == std::string("\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xE8", 16));
}

TEST_CASE("a visitor whose connection ends goes on at its next connect, pause or interrupt") {
    const Guests guests = guests_of(
        "visitor A\nconnect\nsend bye\nhear never\nsend lost\nconnect\nsend again\nhear again\nleave\n"
        "visitor B\npause 1s\ninterrupt\n");
    CHECK(guests.heard == std::vector<std::string>{"bye", "again"});
    CHECK(guests.interrupted == 1);
}

TEST_CASE("a script that cannot be read is refused by its line") {
    for (const char* script : {"connect\n", "visitor A\ndance\n", "visitor A\nsend\n", "visitor A\nleave now\n"}) {
        CAPTURE(script);
        CHECK_THROWS_AS(guests_of(script), std::invalid_argument);
    }
    CHECK_THROWS_WITH_AS(guests_of("visitor A\ndance\n"), "script:2: no step of a visitor: 'dance'",
                         std::invalid_argument);
}
