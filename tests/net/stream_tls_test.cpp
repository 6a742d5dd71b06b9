// Streams through TLS, for coroutines: both ends, a start in the middle, errors that say why, another loop.
#include <stepwise/tests/net/error_of.hpp>
#include <stepwise/tests/net/tls_support.hpp>

#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

using namespace net_test;
using namespace std::string_literals;
using net::Stream;
using tls::Failure;

namespace {

struct Listening : World {
    UniqueFd socket = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    std::uint16_t port = net::Address::of_local_end(socket.get()).port();

    Task<void> start(Coro<void> answering) { return loop().create_task(std::move(answering)); }
    void finish(Task<void>& task) {
        run_until([&] { return task.done(); });
        task.result();
    }
    Peer accept() {
        UniqueFd accepted;
        run_until([&] {
            accepted = UniqueFd(calls::accept4(socket.get(), SOCK_CLOEXEC));
            return static_cast<bool>(accepted);
        });
        return Peer(*this, std::move(accepted));
    }
};

Coro<void> echo(int listening, TlsContext context) {
    Stream stream = co_await net::accept_from(listening);
    co_await stream.start_tls(std::move(context));
    std::string buffer(5000, '\0');
    for (;;) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) break;
        const std::string_view bytes(buffer.data(), count);
        co_await stream.write_all(bytes);
    }
    stream.write("bye");
}

Coro<std::string> send_and_read_back(std::uint16_t port, std::string bytes) {
    Stream stream = co_await Stream::connect_tls("localhost", port, client_context());
    stream.write(bytes);
    std::string back(bytes.size(), '\0');
    co_await stream.read_exactly(back);
    stream.write_end();
    std::optional<std::string> last = co_await stream.read_until("bye");
    co_return back + last.value_or("(end)");
}

Coro<void> refuse_handshake(int listening, TlsContext context) {
    Stream stream = co_await net::accept_from(listening);
    try {
        co_await stream.start_tls(std::move(context));
    } catch (const std::system_error&) {
    }
}

std::error_code code_of(Failure failure) {
    return {static_cast<int>(failure), tls::category()};
}

Coro<std::string> line_of(std::uint16_t port) {
    Stream stream = co_await Stream::connect_tls("localhost", port, client_context());
    std::optional<std::string> line = co_await stream.read_until("\n");
    co_return line.value_or("(end)");
}

}  // namespace

TEST_CASE("two streams talk through TLS: little, much, and nothing") {
    for (const std::size_t size : {std::size_t{1}, std::size_t{5}, std::size_t{100'000}}) {
        CAPTURE(size);
        Listening world;
        Task<void> answering = world.start(echo(world.socket.get(), server_context()));
        const std::string bytes = pattern(size);
        CHECK(world.run(send_and_read_back(world.port, bytes)) == bytes + "bye");
        world.finish(answering);
    }
}

TEST_CASE("a server that is not trusted is an error with a code and the reason, and hears nothing") {
    Listening world;
    static Authority other("another authority");
    TlsContext context = other.server();
    Failure failure = Failure::authority_unknown;
    std::string what =
        "TLS with localhost (unable to get local issuer certificate): no trusted authority vouches for "
        "the certificate";
    SUBCASE("another authority") {}
    SUBCASE("expired") {
        context = authority().server({.ends = -60});
        failure = Failure::certificate_expired;
        what = "TLS with localhost (certificate has expired): the certificate has expired";
    }
    SUBCASE("another host") {
        context = authority().server({.names = "DNS:example.com"});
        failure = Failure::wrong_host;
        what = "TLS with localhost (hostname mismatch): the certificate is not for this host";
    }
    Task<void> answering = world.start(refuse_handshake(world.socket.get(), context));
    const std::system_error error = error_of([&] { world.run(line_of(world.port)); });
    CHECK(error.code() == code_of(failure));
    CHECK(std::string(error.what()) == what);
    world.finish(answering);
}

TEST_CASE("TLS starts in the middle of a connection, at any byte of it") {
    Listening world;
    auto serve = [](int listening) -> Coro<void> {
        Stream stream = co_await net::accept_from(listening);
        std::optional<std::string> wish = co_await stream.read_until("\n");
        CHECK(wish == "STARTTLS\n");
        stream.write("OK\n");
        co_await stream.start_tls(server_context());
        std::optional<std::string> line = co_await stream.read_until("\n");
        stream.write("you said " + line.value_or("nothing"));
    };
    auto ask = [](std::uint16_t port) -> Coro<std::string> {
        Stream stream = co_await Stream::connect("127.0.0.1", port);
        stream.write("STARTTLS\n");
        std::optional<std::string> answer = co_await stream.read_until("\n");
        CHECK(answer == "OK\n");
        co_await stream.start_tls(client_context(), "localhost");
        stream.write("hello\n");
        std::optional<std::string> line = co_await stream.read_until("\n");
        co_return line.value_or("(end)");
    };
    Task<void> answering = world.start(serve(world.socket.get()));
    CHECK(world.run(ask(world.port)) == "you said hello\n");
    world.finish(answering);
}

TEST_CASE("plain bytes that were slipped in before the handshake are not read as if they came through it") {
    Listening world;
    auto ask = [](std::uint16_t port) -> Coro<std::string> {
        Stream stream = co_await Stream::connect("127.0.0.1", port);
        std::optional<std::string> answer = co_await stream.read_until("OK\n");
        co_await stream.start_tls(client_context(), "localhost");
        std::optional<std::string> line = co_await stream.read_until("\n");
        co_return line.value_or("(end)");
    };
    Task<std::string> asking = world.loop().create_task(ask(world.port));
    Peer attacker = world.accept();
    attacker.send("OK\nEVIL\n");
    world.run_until([&] { return asking.done(); });
    CHECK(error_of([&] { asking.result(); }).code() == code_of(Failure::not_tls));
}

TEST_CASE("a handshake ends in time, or by its task") {
    Listening world;
    Task<std::string> asking = world.loop().create_task(line_of(world.port));
    Peer silent = world.accept();
    world.settle();
    SUBCASE("by its deadline") {
        world.pass(11s);
        world.run_until([&] { return asking.done(); });
        const std::system_error error = error_of([&] { asking.result(); });
        CHECK(error.code() == code_of(Failure::timeout));
        CHECK(std::string(error.what()) == "TLS with localhost: no handshake within handshake_timeout");
    }
    SUBCASE("cancelled") {
        asking.cancel();
        world.run_until([&] { return asking.done(); });
        CHECK(asking.cancelled());
    }
    silent.read_to_end();
    CHECK(silent.ended());
}

TEST_CASE("an end without close_notify is told from one in order") {
    Listening world;
    Task<std::string> asking = world.loop().create_task(line_of(world.port));
    TlsPeer server(world, world.accept(), server_context(), "");
    server.shake_hands();
    SUBCASE("in order") {
        server.close();
        world.run_until([&] { return asking.done(); });
        CHECK(asking.result() == "(end)");
    }
    SUBCASE("in order, but in the middle of a line") {
        server.send("half a li");
        server.close();
        world.run_until([&] { return asking.done(); });
        CHECK_THROWS_AS(asking.result(), net::EndOfStreamError);
    }
    SUBCASE("cut") {
        server.send("half a li");
        server.wire.end_writing();
        world.run_until([&] { return asking.done(); });
        CHECK(error_of([&] { asking.result(); }).code() == code_of(Failure::truncated));
    }
}

TEST_CASE("a cancelled read keeps what came for the next one") {
    Listening world;
    auto ask = [](std::uint16_t port) -> Coro<std::string> {
        Stream stream = co_await Stream::connect_tls("localhost", port, client_context());
        Coro<std::optional<std::string>> reading = stream.read_until("\n");
        try {
            static_cast<void>(co_await timeout(5s, std::move(reading)));
        } catch (const TimeoutError&) {
        }
        std::optional<std::string> line = co_await stream.read_until("\n");
        co_return line.value_or("(end)");
    };
    Task<std::string> asking = world.loop().create_task(ask(world.port));
    TlsPeer server(world, world.accept(), server_context(), "");
    server.shake_hands();
    server.send("one ");
    world.settle();
    world.pass(6s);
    server.send("line\n");
    world.run_until([&] { return asking.done(); });
    CHECK(asking.result() == "one line\n");
}

TEST_CASE("a stream keeps its TLS when it is detached") {
    Listening world;
    auto serve = [](int listening) -> Coro<void> {
        Stream stream = co_await net::accept_from(listening);
        co_await stream.start_tls(server_context());
        std::optional<std::string> line = co_await stream.read_until("\n");
        stream.write("1:" + line.value_or("nothing"));
        Stream::Detached detached = co_await stream.detach();
        CHECK(detached.kept == "two\n");
        Stream again(EventLoop::current(), std::move(detached));
        line = co_await again.read_until("\n");
        again.write("2:" + line.value_or("nothing"));
        line = co_await again.read_until("\n");
        again.write("3:" + line.value_or("nothing"));
    };
    auto ask = [](std::uint16_t port) -> Coro<std::string> {
        Stream stream = co_await Stream::connect_tls("localhost", port, client_context());
        stream.write("one\ntwo\n");
        std::optional<std::string> first = co_await stream.read_until("\n");
        std::optional<std::string> second = co_await stream.read_until("\n");
        stream.write("three\n");
        std::optional<std::string> third = co_await stream.read_until("\n");
        co_return first.value_or("-") + second.value_or("-") + third.value_or("-");
    };
    Task<void> answering = world.start(serve(world.socket.get()));
    CHECK(world.run(ask(world.port)) == "1:one\n2:two\n3:three\n");
    world.finish(answering);
}

TEST_CASE("a writer waits for a peer that does not read, and goes on when it does") {
    Listening world;
    const std::string much = pattern(4 * 1024 * 1024);
    auto send = [](std::uint16_t port, std::string bytes) -> Coro<void> {
        Stream stream = co_await Stream::connect_tls("localhost", port, client_context());
        limit_send_buffer(stream.fd());
        co_await stream.write_all(bytes);
    };
    Task<void> sending = world.start(send(world.port, much));
    TlsPeer server(world, world.accept(), server_context(), "");
    server.shake_hands();
    world.settle();
    CHECK_FALSE(sending.done());
    CHECK(server.read_to_end() == much);
    CHECK(server.session->has_ended());
    world.finish(sending);
}

TEST_CASE("a file goes through TLS as it went in, also to a peer that is slow") {
    Listening world;
    const std::string path =
        (std::filesystem::temp_directory_path() / ("stepwise_tls_" + std::to_string(::getpid()))).string();
    const std::string bytes = pattern(3'000'000);
    world.run(write_file(path, bytes));
    auto send = [](std::uint16_t port, std::string from) -> Coro<void> {
        Stream stream = co_await Stream::connect_tls("localhost", port, client_context());
        limit_send_buffer(stream.fd());
        File file = co_await File::open(std::move(from));
        stream.write("<");
        co_await stream.send_file(file, 10, 2'900'000);
        stream.write(">");
    };
    Task<void> sending = world.start(send(world.port, path));
    TlsPeer server(world, world.accept(), server_context(), "");
    server.shake_hands();
    world.settle();
    CHECK_FALSE(sending.done());
    CHECK((server.read_to_end() == "<" + bytes.substr(10, 2'900'000) + ">"));
    world.finish(sending);
    calls::unlink(path.c_str());
}
