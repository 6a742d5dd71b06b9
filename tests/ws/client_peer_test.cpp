// The client's end of a connection, against servers of single bytes: those that answer otherwise, break the protocol,
// vanish or fall silent.
#include <stepwise/tests/ws/client_support.hpp>
#include <stepwise/ws/broadcast.hpp>
#include <stepwise/ws/shared_broadcast.hpp>
#include <stepwise/ws/topics.hpp>

#include <doctest/doctest.h>

using namespace ws_test;

namespace {

// A masked frame, as text.
std::string read_masked(Peer& peer) {
    std::string header = peer.read(2);
    if (header.size() < 2) return "end";
    const auto size = static_cast<std::size_t>(header[1] & 0x7f);
    if ((header[1] & 0x80) == 0) return "a frame without a mask";
    std::string mask = peer.read(4);
    std::string payload = peer.read(size);
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    switch (static_cast<Opcode>(header[0] & 0x0f)) {
        case Opcode::close:
            return "close:" +
                   std::to_string(static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]));
        case Opcode::ping:
            return "ping:" + payload;
        case Opcode::pong:
            return "pong:" + payload;
        default:
            return payload;
    }
}

}  // namespace

TEST_CASE("a server that does not answer as one should is refused") {
    Fake fake;
    Task<std::string> failing = fake.loop().create_task(failure_of(fake.url, {}));
    Peer peer = fake.accept();
    std::string request = peer.read_until("\r\n\r\n");
    std::string expected;
    SUBCASE("it hangs up") {
        peer.close();
        expected = "the server closed the connection before it answered";
    }
    SUBCASE("it resets") {
        peer.reset();
        expected = "the connection was lost before the server answered: Connection reset by peer";
    }
    SUBCASE("it speaks something else") {
        peer.send("220 mail.example ESMTP\r\n\r\n");
        expected = "'2' where an HTTP version must be: this is no HTTP response";
    }
    SUBCASE("it answers another key") {
        peer.send(Fake::answer_to("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="));
        expected = "Sec-WebSocket-Accept does not answer our key: this is no WebSocket server, or a cache's answer";
    }
    SUBCASE("its head has no end") {
        peer.send("HTTP/1.1 101 Switching Protocols\r\nA: " + std::string(100'000, 'a'));
        expected = "the header fields are longer than header_bytes_max (32768 bytes)";
    }
    fake.run_until([&] { return failing.done(); });
    std::string failure = fake.loop().run_until_complete(failing);
    CHECK(failure.starts_with(fake.url + ": "));
    CHECK(failure.ends_with(expected));
    CHECK(fake.lost.empty());
}

TEST_CASE("a server that never answers costs open_timeout, no more") {
    Fake fake;
    ws::ConnectOptions options;
    options.open_timeout = 3s;
    Task<std::string> failing = fake.loop().create_task(failure_of(fake.url, options));
    Peer peer = fake.accept();
    peer.read_until("\r\n\r\n");
    fake.pass(2s);
    CHECK(!failing.done());
    fake.pass(1s);
    REQUIRE(failing.done());
    CHECK(fake.loop().run_until_complete(failing) == fake.url + ": not open after 3 s (open_timeout)");
    CHECK(peer.read_to_end().empty());
}

TEST_CASE("a cancelled connect has closed its socket") {
    Fake fake;
    Task<ClientConnection> opening = fake.loop().create_task(ws::connect(fake.url));
    Peer peer = fake.accept();
    peer.read_until("\r\n\r\n");
    opening.cancel();
    fake.run_until([&] { return opening.done(); });
    CHECK(opening.cancelled());
    CHECK(peer.read_to_end().empty());
}

TEST_CASE("an answer that arrives in the turn of the cancellation opens nothing") {
    Fake fake;
    Task<ClientConnection> opening = fake.loop().create_task(ws::connect(fake.url));
    Peer peer = fake.accept();
    std::string request = peer.read_until("\r\n\r\n");
    SUBCASE("an opening one") {
        REQUIRE(peer.try_send(Fake::answer_to(request)) > 0);
    }
    SUBCASE("a refusal") {
        REQUIRE(peer.try_send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") > 0);
    }
    fake.loop().call_soon([&] { opening.cancel(); });
    fake.run_until([&] { return opening.done(); });
    CHECK(opening.cancelled());
    CHECK(fake.lost.empty());
}

TEST_CASE("the request is what RFC 6455 §4.1 asks for, with the program's own fields") {
    Fake fake;
    ws::ConnectOptions options;
    options.headers.set("Origin", "http://friend.example").set("Cookie", "a=b");
    Task<ClientConnection> opening = fake.loop().create_task(ws::connect(fake.url + "chat?room=1", options));
    Peer peer = fake.accept();
    std::string request = peer.read_until("\r\n\r\n");
    CHECK(request.starts_with("GET /chat?room=1 HTTP/1.1\r\n"));
    for (const char* field : {"\r\nHost: 127.0.0.1:", "\r\nUpgrade: websocket\r\n", "\r\nConnection: Upgrade\r\n",
                              "\r\nSec-WebSocket-Version: 13\r\n", "\r\nSec-WebSocket-Key: ",
                              "\r\nOrigin: http://friend.example\r\n", "\r\nCookie: a=b\r\n"}) {
        CAPTURE(field);
        CHECK(request.find(field) != std::string::npos);
    }
}

TEST_CASE("frames that come with the answer are not lost") {
    Fake fake;
    ClientConnection connection;
    Peer peer = fake.open(connection, {}, server_frame(Opcode::text, "early") + server_frame(Opcode::text, "bird"));
    CHECK(fake.run(next(*connection)) == "early");
    CHECK(fake.run(next(*connection)) == "bird");
}

TEST_CASE("every frame of a client is masked, with a key of its own") {
    Fake fake;
    ClientConnection connection;
    Peer peer = fake.open(connection);
    connection->write_message("same");
    connection->write_message("same");
    std::string first = peer.read(10);
    std::string second = peer.read(10);
    CHECK((first[1] & 0x80) != 0);
    CHECK(first.substr(2) != second.substr(2));
    peer.send(server_frame(Opcode::ping, "are you there"));
    CHECK(read_masked(peer) == "pong:are you there");
    connection.reset();
    CHECK(read_masked(peer) == "close:1000");
}

TEST_CASE("a server that breaks the protocol is told so, and the connection ends") {
    Fake fake;
    ClientConnection connection;
    Peer peer = fake.open(connection);
    peer.send(client_frame(Opcode::text, "masked"));
    CHECK(read_masked(peer) == "close:1002");
    CHECK(fake.run(next(*connection)).starts_with("closed 1002"));
}

TEST_CASE("a server that vanishes is 1006 for whoever receives and whoever sends") {
    Fake fake;
    ClientConnection connection;
    Peer peer = fake.open(connection);
    SUBCASE("reset") {
        peer.reset();
    }
    SUBCASE("closed without a Close frame") {
        peer.close();
    }
    CHECK(fake.run(next(*connection)) == "closed 1006 ");
    CHECK(fake.run(send_on(*connection)) == "stopped by 1006");
}

TEST_CASE("a server that falls silent is pinged, and given up when it does not answer") {
    Fake fake;
    ClientConnection connection;
    ws::ConnectOptions options;
    options.connection.ping_interval_seconds = 5;
    options.connection.ping_timeout_seconds = 3;
    Peer peer = fake.open(connection, options);
    Task<std::string> receiving = fake.loop().create_task(next(*connection));
    fake.pass(6s);
    CHECK(read_masked(peer).starts_with("ping:"));
    SUBCASE("it answers") {
        peer.send(server_frame(Opcode::pong, ""));
        fake.pass(4s);
        CHECK(connection->is_open());
    }
    SUBCASE("it is dead") {
        fake.pass(4s);
        REQUIRE(receiving.done());
        CHECK(fake.loop().run_until_complete(receiving).starts_with("closed 1006 keepalive"));
    }
}

TEST_CASE("a server that does not finish the close handshake is waited for, for close_timeout") {
    Fake fake;
    ClientConnection connection;
    Peer peer = fake.open(connection);
    connection->close();
    Task<void> closing = fake.loop().create_task(closed(*connection));
    fake.pass(9s);
    CHECK(!closing.done());
    fake.pass(2s);
    CHECK(closing.done());
    CHECK(code_text(connection->close_code()) == "1006");
}

TEST_CASE("a connection may outlive its loop, and a loop one that is still closing") {
    Fake fake;
    ClientConnection connection;
    Peer peer = fake.open(connection);
    SUBCASE("held, open") {
        fake.end_loop();
        CHECK(!connection->is_open());
    }
    SUBCASE("let go of, closing") {
        connection.reset();
        fake.end_loop();
    }
    SUBCASE("held, closed") {
        peer.close();
        CHECK(fake.run(next(*connection)) == "closed 1006 ");
        fake.end_loop();
    }
}

TEST_CASE("a connection may be let go of when its loop is no more") {
    auto fake = std::make_unique<Fake>();
    ClientConnection connection;
    { Peer peer = fake->open(connection); }
    fake.reset();  // with the memory of its loop
    CHECK(!connection->is_open());
    connection.reset();
}

TEST_CASE("what a client's end has read before the connection is reset can be taken, while nothing can be sent") {
    Fake fake;
    ws::ConnectOptions options;
    options.connection.waiting_messages_max = 2;
    ClientConnection connection;
    Peer peer = fake.open(connection, options);
    std::string bytes;
    for (int number = 0; number < 10; ++number) bytes += server_frame(Opcode::text, std::to_string(number));
    peer.send(bytes);
    fake.settle();
    peer.reset();
    fake.run_until([&] { return !connection->write_message("nobody reads this"); });
    CHECK_FALSE(connection->is_open());
    CHECK(fake.run(send_on(*connection)) == "stopped by 1006");
    SUBCASE("it is taken") {
        for (int number = 0; number < 10; ++number) CHECK(fake.run(next(*connection)) == std::to_string(number));
        CHECK(fake.run(next(*connection)) == "closed 1006 ");
    }
    SUBCASE("it is closed instead") {
        connection->close();
        CHECK(fake.run(next(*connection)) == "closed 1006 ");
    }
    SUBCASE("it is aborted instead") {
        connection->abort();
        CHECK(fake.run(next(*connection)) == "closed 1006 ");
    }
    SUBCASE("it is let go of") {
        connection = ClientConnection();
    }
    fake.settle();
}

TEST_CASE("a message for many, which is not masked, is refused at a client's end: it becomes no member of any group") {
    Fake fake;
    ClientConnection connection;
    Peer peer = fake.open(connection);
    ws::Broadcast room;
    ws::SharedBroadcast everybody;
    ws::Topics topics;
    const auto says = [](const char* call) {
        const std::string text = std::string(call) + ": a message for many is not masked, as a client's must be";
        return doctest::Contains(text.c_str());
    };
    CHECK_THROWS_WITH_AS(room.add(*connection), says("ws::Broadcast::add"), std::logic_error);
    CHECK_THROWS_WITH_AS(everybody.add(*connection), says("ws::SharedBroadcast::add"), std::logic_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(topics.subscribe(*connection, "news")), says("ws::Topics::subscribe"),
                         std::logic_error);
    CHECK(room.size() + everybody.size() + topics.size() == 0);
    room.send("to all");
    CHECK(everybody.send("to all") + topics.publish("news", "to all") == 0);
    ws::SharedEncoder encoder;
    CHECK_THROWS_WITH_AS(connection->write_message(encoder.encode(Opcode::text, "to all")),
                         says("ws::Connection::write_message"), std::logic_error);
    CHECK(connection->write_message("to one"));
    CHECK(peer.read(2) == "\x81\x86");  // masked
}
