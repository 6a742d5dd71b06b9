// Datagrams over loopback: whole, cut, refused, cancelled.
#include <stepwise/tests/net/support.hpp>

#include <stepwise/net/udp_socket.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/left_out.hpp>

#include <doctest/doctest.h>

using namespace net_test;
using net::Address;
using net::Datagram;
using net::UdpSocket;

namespace {

struct Scene : World {
    explicit Scene(const Address& address = Address::tcp("127.0.0.1", 0))
        : one(UdpSocket::bind(loop(), address)), other(UdpSocket::bind(loop(), address)) {}

    UdpSocket one;
    UdpSocket other;
};

Coro<std::string> received(UdpSocket& socket, std::size_t room) {
    std::string buffer(room, '\0');
    const Datagram datagram = co_await socket.receive_from(buffer);
    buffer.resize(datagram.size);
    co_return buffer + (datagram.is_cut ? " (cut)" : "") + " from " + datagram.from.to_string();
}

Coro<std::string> received_in_time(UdpSocket& socket, Duration limit) {
    Coro<std::string> receiving = received(socket, 100);
    co_return co_await timeout(limit, std::move(receiving));
}

Coro<void> echo(UdpSocket& socket, int times) {
    std::array<char, 2000> buffer;
    for (; times > 0; --times) {
        const Datagram datagram = co_await socket.receive_from(buffer);
        const std::span<const char> bytes(buffer.data(), datagram.size);
        co_await socket.send_to(bytes, datagram.from);
    }
}

Coro<std::vector<std::string>> said_back(UdpSocket& socket, Address to, std::vector<std::string> texts) {
    std::vector<std::string> answers;
    for (const std::string& text : texts) {
        co_await socket.send_to(text, to);
        std::string answer = co_await received(socket, 2000);
        answers.push_back(std::move(answer));
    }
    co_return answers;
}

template <class Call>
int error_of(Call call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return error.code().value();
    }
    return 0;
}

}  // namespace

TEST_CASE("datagrams come as they were sent: in order on loopback, empty ones too") {
    Scene scene;
    Task<void> echoing = scene.loop().create_task(echo(scene.other, 3));
    const Address to = scene.other.local_address();
    const std::string from = " from " + to.to_string();
    const std::vector<std::string> texts{"hello", "", std::string(1400, 'x')};
    const std::vector<std::string> answers = scene.run(said_back(scene.one, to, texts));
    CHECK(answers == std::vector<std::string>{"hello" + from, from, texts[2] + from});
    scene.run_until([&] { return echoing.done(); });
}

TEST_CASE("one that is longer than the buffer is cut, and says so; the next one is whole") {
    Scene scene;
    const Address to = scene.other.local_address();
    const std::string from = " from " + scene.one.local_address().to_string();
    scene.run(scene.one.send_to(std::string_view("too long"), to));
    scene.run(scene.one.send_to(std::string_view("fits"), to));
    CHECK(scene.run(received(scene.other, 4)) == "too  (cut)" + from);
    CHECK(scene.run(received(scene.other, 4)) == "fits" + from);
}

TEST_CASE("a connected socket hears its peer only") {
    Scene scene;
    UdpSocket client = UdpSocket::connect(scene.loop(), scene.one.local_address());
    scene.run(scene.other.send_to(std::string_view("a stranger"), client.local_address()));
    scene.run(client.send(std::string_view("a question")));
    CHECK(scene.run(received(scene.one, 100)).starts_with("a question"));
    scene.run(scene.one.send_to(std::string_view("an answer"), client.local_address()));
    CHECK(scene.run(received(client, 100)).starts_with("an answer"));
    CHECK(error_of([&] { scene.run(scene.one.send(std::string_view("to whom?"))); }) == EDESTADDRREQ);
}

TEST_CASE("a port that nobody has refuses, on a connected socket") {
    Scene scene;
    const Address nobody = UdpSocket::bind(scene.loop(), Address::tcp("127.0.0.1", 0)).local_address();
    UdpSocket client = UdpSocket::connect(scene.loop(), nobody);
    scene.run(client.send(std::string_view("anybody?")));
    CHECK(error_of([&] { scene.run(received(client, 100)); }) == ECONNREFUSED);
}

TEST_CASE("errors name the address") {
    Scene scene;
    const Address taken = scene.one.local_address();
    try {
        static_cast<void>(UdpSocket::bind(scene.loop(), taken));
        FAIL("it was taken");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::address_in_use);
        CHECK(std::string(error.what()).starts_with("cannot bind " + taken.to_string()));
    }
    const std::string large(UdpSocket::payload_bytes_max + 1, 'x');
    CHECK(error_of([&] { scene.run(scene.one.send_to(large, taken)); }) == EMSGSIZE);
    CHECK(error_of([&] { scene.run(scene.one.send_to(large.substr(1), taken)); }) == 0);
}

TEST_CASE("a cancelled receive takes no datagram") {
    Scene scene;
    Task<std::string> waiting = scene.loop().create_task(received_in_time(scene.other, 5s));
    scene.settle();
    SUBCASE("by its task") {
        waiting.cancel();
        scene.run_until([&] { return waiting.done(); });
        CHECK(waiting.cancelled());
    }
    SUBCASE("by a timeout") {
        scene.pass(6s);
        scene.run_until([&] { return waiting.done(); });
        CHECK_THROWS_AS(waiting.result(), TimeoutError);
    }
    scene.run(scene.one.send_to(std::string_view("for the next one"), scene.other.local_address()));
    CHECK(scene.run(received(scene.other, 100)).starts_with("for the next one"));
}

TEST_CASE("a flood of datagrams does not keep timers waiting") {
    Scene scene;
    const Address to = scene.other.local_address();
    bool is_due = false;
    auto flood = [](UdpSocket& from, UdpSocket& at, Address address, const bool& until) -> Coro<int> {
        int count = 0;
        std::array<char, 16> buffer;
        for (; !until && count < 1'000'000; ++count) {
            co_await from.send_to(std::string_view("again"), address);
            static_cast<void>(co_await at.receive_from(buffer));
        }
        co_return count;
    };
    Task<int> flooding = scene.loop().create_task(flood(scene.one, scene.other, to, is_due));
    scene.turns(3);
    scene.loop().call_later(1s, [&] { is_due = true; });
    scene.clock.advance(2s);
    scene.run_until([&] { return flooding.done(); });
    CHECK(is_due);
    CHECK(flooding.result() < 1'000'000);
}

TEST_CASE("several tasks receive, and each datagram goes to one of them") {
    Scene scene;
    Task<std::string> first = scene.loop().create_task(received(scene.other, 100));
    Task<std::string> second = scene.loop().create_task(received(scene.other, 100));
    scene.settle();
    const Address to = scene.other.local_address();
    scene.run(scene.one.send_to(std::string_view("a"), to));
    scene.run_until([&] { return first.done() || second.done(); });
    CHECK(first.done() != second.done());
    scene.run(scene.one.send_to(std::string_view("b"), to));
    scene.run_until([&] { return first.done() && second.done(); });
    CHECK(first.result().substr(0, 1) != second.result().substr(0, 1));
}

TEST_CASE("a socket that outlives its loop is closed, and IPv6 is as IPv4") {
    std::optional<UdpSocket> socket;
    {
        World world;
        try {
            socket.emplace(UdpSocket::bind(world.loop(), Address::tcp("::1", 0)));
        } catch (const std::system_error& error) {
            REQUIRE(error.code().value() == EADDRNOTAVAIL);
            MESSAGE("SKIPPED IPv6: not here");
            socket.emplace(UdpSocket::bind(world.loop(), Address::tcp("127.0.0.1", 0)));
        }
        world.run(socket->send_to(std::string_view("to myself"), socket->local_address()));
        CHECK(world.run(received(*socket, 100)).starts_with("to myself from "));
    }
    CHECK(socket->fd() < 0);
}
