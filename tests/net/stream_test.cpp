#include <stepwise/tests/net/support.hpp>

#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace net_test;
using net::EndOfStreamError;
using net::Stream;

namespace {

struct Scene {
    explicit Scene(Pair pair = unix_pair())
        : peer(world, std::move(pair.theirs)), stream(world.loop(), std::move(pair.ours)) {}

    template <class T>
    Task<T> start(Coro<T> body) {
        Task<T> task = world.loop().create_task(std::move(body));
        world.settle();
        return task;
    }
    template <class T>
    void finish(Task<T>& task) {
        world.run_until([&] { return task.done(); });
    }

    World world;
    Peer peer;
    Stream stream;
};

Coro<std::string> some(Stream& stream, std::size_t bytes_max = 100) {
    std::string bytes(bytes_max, '\0');
    std::size_t count = co_await stream.read_some(bytes);
    bytes.resize(count);
    co_return bytes;
}

Coro<std::string> exactly(Stream& stream, std::size_t count) {
    std::string bytes(count, '\0');
    co_await stream.read_exactly(bytes);
    co_return bytes;
}

Coro<std::string> line(Stream& stream, std::size_t bytes_max = Stream::line_bytes_max_default) {
    std::optional<std::string> read = co_await stream.read_until("\r\n", bytes_max);
    if (!read) co_return "(end)";
    co_return *read;
}

Coro<void> drain(Stream& stream) {
    co_await stream.drain();
}
Coro<void> write_all(Stream& stream, std::string bytes) {
    co_await stream.write_all(bytes);
}

Coro<std::string> first_bytes_from(net::Address address) {
    Stream stream = co_await Stream::connect(address);
    stream.write("ping");
    std::string bytes(4, '\0');
    co_await stream.read_exactly(bytes);
    co_return bytes;
}

Coro<void> answer_one(int listening) {
    Stream stream = co_await net::accept_from(listening);
    std::string bytes(4, '\0');
    co_await stream.read_exactly(bytes);
    stream.write(bytes == "ping" ? "pong" : "what");
}

int error_of(const Task<void>& task) {
    try {
        task.result();
    } catch (const std::system_error& error) {
        return error.code().value();
    }
    return 0;
}

constexpr std::size_t mebibyte = 1024 * 1024;

}  // namespace

// ---- reading

TEST_CASE("read_some gives what is there, and nothing at the end") {
    Scene scene;
    scene.peer.send("hello");
    CHECK(scene.world.run(some(scene.stream)) == "hello");
    scene.peer.send("abcdef");
    CHECK(scene.world.run(some(scene.stream, 4)) == "abcd");
    scene.peer.close();
    CHECK(scene.world.run(some(scene.stream)) == "ef");
    CHECK(scene.world.run(some(scene.stream)) == "");
    CHECK(scene.world.run(some(scene.stream)) == "");
}

TEST_CASE("read_exactly waits for all, over many arrivals") {
    Scene scene;
    Task<std::string> reading = scene.start(exactly(scene.stream, 10));
    for (char byte : std::string("0123456789")) {
        CHECK_FALSE(reading.done());
        scene.peer.send({&byte, 1});
        scene.world.settle();
    }
    REQUIRE(reading.done());
    CHECK(reading.result() == "0123456789");
    CHECK(scene.world.run(exactly(scene.stream, 0)) == "");
}

TEST_CASE("read_exactly throws at an early end, and what came stays readable") {
    Scene scene;
    scene.peer.send("only");
    scene.peer.close();
    CHECK_THROWS_AS(scene.world.run(exactly(scene.stream, 10)), EndOfStreamError);
    CHECK(scene.world.run(exactly(scene.stream, 2)) == "on");
    CHECK_THROWS_WITH(scene.world.run(exactly(scene.stream, 3)), "the peer ended the stream after 2 of 3 bytes");
    CHECK(scene.world.run(some(scene.stream)) == "ly");
    CHECK(scene.world.run(some(scene.stream)) == "");
}

TEST_CASE("read_until gives line after line and keeps what is behind") {
    Scene scene;
    scene.peer.send("first\r\nsecond\r\nthi");
    CHECK(scene.world.run(line(scene.stream)) == "first\r\n");
    CHECK(scene.world.run(line(scene.stream)) == "second\r\n");
    Task<std::string> third = scene.start(line(scene.stream));
    scene.peer.send("rd\r");
    scene.world.settle();
    CHECK_FALSE(third.done());
    scene.peer.send("\nrest");
    scene.finish(third);
    CHECK(third.result() == "third\r\n");
    CHECK(scene.world.run(some(scene.stream, 2)) == "re");
    CHECK(scene.world.run(exactly(scene.stream, 2)) == "st");
    scene.peer.close();
    CHECK(scene.world.run(line(scene.stream)) == "(end)");
}

TEST_CASE("read_until finds a delimiter that arrives cut at each place") {
    for (std::size_t cut = 1; cut < 9; ++cut) {
        Scene scene;
        std::string bytes = "ab\r\ncd\r\n";
        scene.peer.send(bytes.substr(0, cut));
        Task<std::string> first = scene.start(line(scene.stream));
        scene.peer.send(bytes.substr(cut));
        scene.finish(first);
        CHECK(first.result() == "ab\r\n");
        CHECK(scene.world.run(line(scene.stream)) == "cd\r\n");
    }
}

TEST_CASE("read_until is bounded, and the limit is inclusive") {
    Scene scene;
    scene.peer.send("12345678\r\n");
    CHECK_THROWS_AS(scene.world.run(line(scene.stream, 9)), LimitError);
    CHECK(scene.world.run(line(scene.stream, 10)) == "12345678\r\n");
    scene.peer.send(std::string(20'000, 'x'));
    CHECK_THROWS_AS(scene.world.run(line(scene.stream, 10'000)), LimitError);
    CHECK(scene.world.run(exactly(scene.stream, 20'000)) == std::string(20'000, 'x'));
    CHECK_THROWS_AS(scene.world.run(line(scene.stream, 0)), LimitError);
}

TEST_CASE("an end in the middle of a line is an error, and the bytes stay") {
    Scene scene;
    scene.peer.send("half a li");
    scene.peer.close();
    CHECK_THROWS_AS(scene.world.run(line(scene.stream)), EndOfStreamError);
    CHECK(scene.world.run(some(scene.stream)) == "half a li");
}

TEST_CASE("a read of a connection that was reset throws ECONNRESET") {
    Scene scene(tcp_pair());
    Task<std::string> reading = scene.start(some(scene.stream));
    scene.peer.reset();
    scene.finish(reading);
    CHECK_THROWS_AS(reading.result(), std::system_error);
}

TEST_CASE("a cancelled read has lost no byte") {
    Scene scene;
    SUBCASE("read_some") {
        Task<std::string> reading = scene.start(some(scene.stream));
        reading.cancel();
        scene.finish(reading);
        CHECK(reading.cancelled());
        scene.peer.send("whole");
        CHECK(scene.world.run(some(scene.stream)) == "whole");
    }
    SUBCASE("read_exactly, half way") {
        Task<std::string> reading = scene.start(exactly(scene.stream, 10));
        scene.peer.send("01234");
        scene.world.settle();
        reading.cancel();
        scene.finish(reading);
        CHECK(reading.cancelled());
        scene.peer.send("56789");
        CHECK(scene.world.run(exactly(scene.stream, 10)) == "0123456789");
    }
    SUBCASE("read_until, half way") {
        Task<std::string> reading = scene.start(line(scene.stream));
        scene.peer.send("half ");
        scene.world.settle();
        reading.cancel();
        scene.finish(reading);
        CHECK(reading.cancelled());
        scene.peer.send("and half\r\n");
        CHECK(scene.world.run(line(scene.stream)) == "half and half\r\n");
    }
    SUBCASE("the cancellation and the bytes come together") {
        std::string read;
        for (int round = 0; round < 20; ++round) {
            Task<std::string> reading = scene.start(exactly(scene.stream, 3));
            scene.peer.try_send("x");
            scene.world.turns(round % 3);
            reading.cancel();
            scene.finish(reading);
            if (!reading.cancelled()) read += reading.result();
        }
        read += scene.world.run(exactly(scene.stream, 20 - read.size()));
        CHECK(read == std::string(20, 'x'));
    }
}

TEST_CASE("a read within a timeout can be made again") {
    Scene scene;
    struct Steps {
        static Coro<std::string> run(Stream& stream) {
            Coro<std::string> reading = line(stream);
            try {
                co_return co_await timeout(1s, std::move(reading));
            } catch (const TimeoutError&) {
            }
            co_return "too late";
        }
    };
    Task<std::string> reading = scene.start(Steps::run(scene.stream));
    scene.peer.send("slo");
    scene.world.settle();
    scene.world.clock.advance(2s);
    scene.finish(reading);
    CHECK(reading.result() == "too late");
    scene.peer.send("w\r\n");
    CHECK(scene.world.run(line(scene.stream)) == "slow\r\n");
}

TEST_CASE("a second reader is told that there is one already") {
    Scene scene;
    Task<std::string> first = scene.start(some(scene.stream));
    CHECK_THROWS_AS(scene.world.run(some(scene.stream)), std::logic_error);
    scene.peer.send("first");
    scene.finish(first);
    CHECK(first.result() == "first");
}

// ---- writing

TEST_CASE("writes of one turn are one send") {
    Scene scene(unix_pair(SOCK_SEQPACKET));
    scene.stream.write("one ");
    scene.stream.write("");
    scene.stream.write("two");
    scene.world.settle();
    CHECK(scene.peer.read_now() == "one two");
}

TEST_CASE("drain waits while the peer does not read, and goes on when it does") {
    Scene scene;
    limit_send_buffer(scene.stream.fd());
    std::string bytes = pattern(300'000);
    scene.stream.write(bytes);
    Task<void> draining = scene.start(drain(scene.stream));
    CHECK_FALSE(draining.done());
    CHECK_THROWS_AS(scene.world.run(drain(scene.stream)), std::logic_error);
    CHECK(scene.peer.read(bytes.size()) == bytes);
    scene.finish(draining);
    CHECK_NOTHROW(draining.result());
    scene.world.run(drain(scene.stream));
}

TEST_CASE("a cancelled drain undoes no write, and a later one works") {
    Scene scene;
    limit_send_buffer(scene.stream.fd());
    std::string bytes = pattern(300'000);
    scene.stream.write(bytes);
    Task<void> draining = scene.start(drain(scene.stream));
    SUBCASE("cancelled while it waits") {
        draining.cancel();
        scene.finish(draining);
    }
    SUBCASE("cancelled in the turn in which the peer reads") {
        static_cast<void>(draining.cancel());
    }
    CHECK(scene.peer.read(bytes.size()) == bytes);
    scene.finish(draining);
    CHECK(draining.cancelled());
    scene.stream.write(bytes);
    Task<void> again = scene.start(drain(scene.stream));
    CHECK_FALSE(again.done());
    CHECK(scene.peer.read(bytes.size()) == bytes);
    scene.finish(again);
    CHECK(scene.world.lost.empty());
}

TEST_CASE("drain throws when the connection is lost meanwhile, and write ever after") {
    Scene scene(tcp_pair());
    limit_send_buffer(scene.stream.fd());
    scene.stream.write(std::string(8 * mebibyte, 'x'));
    Task<void> draining = scene.start(drain(scene.stream));
    CHECK_FALSE(draining.done());
    scene.peer.reset();
    scene.finish(draining);
    CHECK(error_of(draining) != 0);
    CHECK_THROWS_AS(scene.stream.write("more"), std::system_error);
    CHECK_THROWS_AS(scene.world.run(drain(scene.stream)), std::system_error);
}

TEST_CASE("write_all keeps little in memory, however much it sends") {
    Scene scene;
    limit_send_buffer(scene.stream.fd());
    std::string bytes = pattern(4 * mebibyte);
    Task<void> writing = scene.start(write_all(scene.stream, bytes));
    std::string read;
    std::size_t queued_max = 0;
    while (read.size() < bytes.size()) {
        read += scene.peer.read(64 * 1024);
        queued_max = std::max(queued_max, scene.stream.queued_bytes());
    }
    scene.finish(writing);
    CHECK(read == bytes);
    CHECK(queued_max < 200'000);
}

TEST_CASE("after write_end the peer's answer can still be read") {
    Scene scene;
    scene.stream.write("question");
    scene.stream.write_end();
    CHECK(scene.peer.read_to_end() == "question");
    scene.peer.send("answer");
    scene.peer.close();
    CHECK(scene.world.run(some(scene.stream)) == "answer");
    CHECK(scene.world.run(some(scene.stream)) == "");
}

TEST_CASE("what the peer had sent can be read although a write has failed") {
    Scene scene;
    scene.peer.send("last words");
    scene.peer.close();
    scene.stream.write("too late");
    scene.world.settle();
    CHECK_THROWS_AS(scene.stream.write("more"), std::system_error);
    CHECK(scene.world.run(some(scene.stream)) == "last words");
}

// ---- the end

TEST_CASE("the end of a stream sends what was written") {
    Scene scene;
    limit_send_buffer(scene.stream.fd());
    std::string bytes = pattern(300'000);
    scene.stream.write(bytes);
    { Stream ending = std::move(scene.stream); }
    CHECK(scene.peer.read_to_end() == bytes);
    CHECK(scene.peer.end() == 0);
}

TEST_CASE("abort ends a read and a drain of other tasks") {
    Scene scene(tcp_pair());
    limit_send_buffer(scene.stream.fd());
    scene.stream.write(std::string(8 * mebibyte, 'x'));
    Task<void> draining = scene.start(drain(scene.stream));
    Task<std::string> reading = scene.start(some(scene.stream));
    SUBCASE("with both") {}
    SUBCASE("after the read was cancelled") {
        reading.cancel();
        scene.finish(reading);
    }
    CHECK_FALSE(draining.done());
    scene.stream.abort();
    scene.finish(draining);
    scene.finish(reading);
    CHECK(error_of(draining) == ECONNABORTED);
    if (!reading.cancelled()) CHECK_THROWS_AS(reading.result(), std::system_error);
    CHECK_THROWS_AS(scene.stream.write("x"), std::system_error);
    CHECK_THROWS_AS(scene.world.run(some(scene.stream)), std::system_error);
    CHECK(scene.peer.read_to_end().size() < 8 * mebibyte);
    CHECK(scene.stream.fd() == -1);
}

TEST_CASE("a loop may end while streams read, drain and wait for connections") {
    Scene scene;
    limit_send_buffer(scene.stream.fd());
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    struct Own {
        static Coro<void> read(Stream stream) {
            std::string bytes(10, '\0');
            co_await stream.read_exactly(bytes);
        }
        static Coro<void> drain(Stream stream) {
            stream.write(std::string(300'000, 'x'));
            co_await stream.drain();
        }
    };
    Pair other = unix_pair();
    limit_send_buffer(other.ours.get());
    Task<void> reading = scene.start(Own::read(std::move(scene.stream)));
    Task<void> draining = scene.start(Own::drain(Stream(scene.world.loop(), std::move(other.ours))));
    Task<void> accepting = scene.start(answer_one(listening.get()));
    scene.peer.send("01234");
    scene.world.settle();
    scene.world.end_loop();
    CHECK(reading.cancelled());
    CHECK(draining.cancelled());
    CHECK(accepting.cancelled());
    CHECK(scene.peer.read_to_end() == "");
}

TEST_CASE("a stream may outlive its loop") {
    Scene scene;
    scene.stream.write("corked");
    scene.world.end_loop();
    CHECK_THROWS_AS(scene.stream.write("more"), std::system_error);
}

// ---- connecting

TEST_CASE("connect, accept_from, and a question and an answer, over TCP and over a Unix socket") {
    World world;
    std::string path = "/tmp/stepwise_stream_test_" + std::to_string(::getpid());
    net::Address address;
    SUBCASE("TCP") {
        address = net::Address::tcp("127.0.0.1", 0);
    }
    SUBCASE("IPv6") {
        address = net::Address::tcp("::1", 0);
    }
    SUBCASE("Unix") {
        ::unlink(path.c_str());
        address = net::Address::unix_socket(path);
    }
    UniqueFd listening;
    try {
        listening = net::listen_on(address);
    } catch (const std::system_error&) {
        REQUIRE(address.family() == AF_INET6);  // a machine without IPv6
        return;
    }
    net::Address bound = net::Address::of_local_end(listening.get());
    CHECK(bound.family() == address.family());
    Task<void> answering = world.loop().create_task(answer_one(listening.get()));
    CHECK(world.run(first_bytes_from(bound)) == "pong");
    world.run_until([&] { return answering.done(); });
    if (address.family() == AF_UNIX) {
        CHECK(bound.to_string() == "unix:" + path);
        ::unlink(path.c_str());
    }
}

TEST_CASE("a listening socket may be closed after accept_from, and its number used again") {
    World world;
    for (int round = 0; round < 3; ++round) {
        UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
        Task<void> answering = world.loop().create_task(answer_one(listening.get()));
        world.turns(2);
        if (round == 1) {
            answering.cancel();
            world.run_until([&] { return answering.done(); });
            continue;
        }
        net::Address address = net::Address::of_local_end(listening.get());
        CHECK(world.run(first_bytes_from(address)) == "pong");
    }
}

TEST_CASE("a refused connection says where to") {
    World world;
    net::Address address;
    {
        UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
        address = net::Address::of_local_end(listening.get());
    }
    try {
        world.run(first_bytes_from(address));
        FAIL("it connected");
    } catch (const std::system_error& error) {
        CHECK(error.code().value() == ECONNREFUSED);
        CHECK(std::string(error.what()).find("cannot connect to " + address.to_string()) == 0);
    }
    CHECK_THROWS_AS(world.run(first_bytes_from(net::Address::unix_socket("/tmp/stepwise_no_such_socket"))),
                    std::system_error);
}

TEST_CASE("addresses are text both ways, and what is none throws") {
    CHECK(net::Address::tcp("127.0.0.1", 80).to_string() == "127.0.0.1:80");
    CHECK(net::Address::tcp("localhost", 80).host() == "127.0.0.1");
    CHECK(net::Address::tcp("::1", 8080).to_string() == "[::1]:8080");
    CHECK(net::Address::unix_socket("/run/x").to_string() == "unix:/run/x");
    CHECK(net::Address::unix_socket("/run/x").port() == 0);
    CHECK(net::Address::unix_socket(std::string(107, 'p')).host() == std::string(107, 'p'));
    CHECK_THROWS_AS(net::Address::unix_socket(std::string(108, 'p')), std::invalid_argument);
    CHECK_THROWS_AS(net::Address::unix_socket(""), std::invalid_argument);
    CHECK_THROWS_AS(net::Address::tcp("example.com", 80), std::invalid_argument);
    CHECK_THROWS_AS(net::Address::tcp("256.0.0.1", 80), std::invalid_argument);
}
