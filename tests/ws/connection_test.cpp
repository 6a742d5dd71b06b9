#include <stepwise/tests/ws/support.hpp>

#include <stepwise/runtime/sleep.hpp>

#include <doctest/doctest.h>

#include <thread>

using namespace ws_test;
using ws::Connection;
using ws::ConnectionClosed;
using ws::Message;

namespace {

// Coroutines that write down how it ends.
Coro<void> echo(Log& log, Connection& connection) {
    while (auto message = co_await connection.receive()) {
        if (message->is_text()) {
            co_await connection.send(message->data());
        } else {
            co_await connection.send_binary(message->data());
        }
    }
    log.push_back("closed " + code_text(connection.close_code()) + " " + connection.close_reason());
}

// Waits at the gate, then answers all that has come.
Coro<void> echo_late(Gate& gate, Log& log, Connection& connection) {
    Future<void> opened = gate.arrive();
    co_await opened;
    while (auto message = co_await connection.receive()) {
        log.push_back(std::string(message->data()));
        connection.write_message(message->data());
    }
    auto again = co_await connection.receive();
    log.push_back(again ? "more" : code_text(connection.close_code()));
}

Coro<void> leave_late(Gate& gate, Log& log, Connection& connection) {
    Future<void> opened = gate.arrive();
    co_await opened;
    connection.close(static_cast<CloseCode>(4444));
    log.push_back(code_text(connection.close_code()));
}

struct Scene : WsServed {
    explicit Scene(ws::ConnectionOptions options = {}) {
        http::Router router;
        router.get("/", ws::coroutine([this](Connection& c) { return echo(log, c); }, options));
        router.get("/program", ws::coroutine([this](Connection& c) { return program(c); }, options));
        serve(std::move(router));
    }

    ~Scene() { server.reset(); }

    std::function<Coro<void>(Connection&)> program;
};

ws::ConnectionOptions quiet() {
    ws::ConnectionOptions options;
    options.ping_interval_seconds = 0;
    return options;
}

}  // namespace

TEST_CASE("messages come back, of each kind and size, in order") {
    Scene scene;
    Peer client = scene.open();
    client.send(text_frame("hello") + text_frame("") + client_frame(Opcode::binary, "\x01\x02"));
    CHECK(read_frame(client) == "text:hello");
    CHECK(read_frame(client) == "text:");
    CHECK(read_frame(client) == "binary:\x01\x02");
    for (std::size_t size : {125u, 126u, 65535u, 65536u, 500'000u}) {
        std::string bytes = pattern(size);
        client.send(client_frame(Opcode::binary, bytes));
        CHECK(read_frame(client) == "binary:" + bytes);
    }
    client.send(client_frame(Opcode::text, "in ", false) + client_frame(Opcode::continuation, "parts"));
    CHECK(read_frame(client) == "text:in parts");
}

TEST_CASE("a handshake and messages may come in one segment, or one byte at a time") {
    Scene scene;
    std::string bytes = handshake() + text_frame("right behind") + text_frame("and one more") + close_frame(1000);
    Peer client = scene.connect();
    SUBCASE("in one segment") {
        client.send(bytes);
    }
    SUBCASE("byte by byte") {
        for (char byte : bytes) {
            client.send({&byte, 1});
            scene.turns(2);
        }
    }
    CHECK(client.read_until("\r\n\r\n").find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
    CHECK(read_frame(client) == "text:right behind");
    CHECK(read_frame(client) == "text:and one more");
    CHECK(read_frame(client) == "close:1000");
    CHECK(read_frame(client) == "end");
    scene.run_until_gone();
    CHECK(scene.log == Log{"closed 1000 "});
}

TEST_CASE("how a connection was closed is known: code and reason, 1005 without, 1006 when it was lost") {
    Scene scene;
    Peer client = scene.open();
    std::string expected, answer;
    SUBCASE("an application's own code") {
        client.send(close_frame(4001, "bye"));
        expected = "closed 4001 bye";
        answer = "close:4001";
    }
    SUBCASE("none") {
        client.send(client_frame(Opcode::close, ""));
        expected = "closed 1005 ";
        answer = "close:";
    }
    SUBCASE("the TCP connection ended") {
        client.end_writing();
        expected = "closed 1006 ";
        answer = "end";
    }
    SUBCASE("it was reset") {
        client.reset();
        expected = "closed 1006 ";
    }
    if (!answer.empty()) CHECK(read_frame(client) == answer);
    if (!answer.empty()) CHECK(client.read_to_end() == "");
    scene.run_until_gone();
    CHECK(scene.log == Log{expected});
    CHECK(scene.loop().task_count() == 0);
}

TEST_CASE("a peer that breaks a rule reads the code for it") {
    Scene scene;
    Peer client = scene.open();
    std::string code;
    SUBCASE("a frame without a mask") {
        client.send("\x81\x02hi");
        code = "1002";
    }
    SUBCASE("an opcode that is reserved") {
        client.send(client_frame(static_cast<Opcode>(3), "x"));
        code = "1002";
    }
    SUBCASE("a text that is no UTF-8") {
        client.send(text_frame("\xff\xfe"));
        code = "1007";
    }
    SUBCASE("a message that is too big") {
        client.send(client_frame(Opcode::binary, std::string(1 << 20, 'x') + "y"));
        code = "1009";
    }
    SUBCASE("a continuation of nothing") {
        client.send(client_frame(Opcode::continuation, "x"));
        code = "1002";
    }
    SUBCASE("a close code that may not be sent") {
        client.send(close_frame(1006));
        code = "1002";
    }
    client.try_send(text_frame("ignored"));
    CHECK(read_frame(client).starts_with("close:" + code));
    CHECK(client.read_to_end() == "");
    CHECK(client.end() == 0);
    scene.run_until_gone();
    REQUIRE(scene.log.size() == 1);
    CHECK(scene.log[0].starts_with("closed " + code));
}

TEST_CASE("pings are answered with their payload, also within a message") {
    Scene scene;
    Peer client = scene.open();
    client.send(client_frame(Opcode::ping, "one") + client_frame(Opcode::text, "a", false) +
                client_frame(Opcode::ping, "") + client_frame(Opcode::pong, "unasked") +
                client_frame(Opcode::continuation, "b"));
    CHECK(read_frame(client) == "pong:one");
    CHECK(read_frame(client) == "pong:");
    CHECK(read_frame(client) == "text:ab");
}

TEST_CASE("a coroutine that returns closes with 1000, one that throws with 1011") {
    Scene scene;
    struct Programs {
        static Coro<void> greets(Connection& connection) {
            connection.write_message("welcome");
            co_return;
        }
        static Coro<void> fails(Connection& connection) {
            co_await connection.receive();
            throw std::runtime_error("trouble");
        }
    };
    SUBCASE("it returns") {
        scene.program = Programs::greets;
        Peer client = scene.open("/program");
        CHECK(read_frame(client) == "text:welcome");
        CHECK(read_frame(client) == "close:1000");
        client.send(text_frame("too late") + close_frame(1000));
        CHECK(read_frame(client) == "end");
    }
    SUBCASE("it throws") {
        scene.program = Programs::fails;
        Peer client = scene.open("/program");
        client.send(text_frame("one") + text_frame("two"));
        CHECK(read_frame(client) == "close:1011 the handler failed");
        client.send(close_frame(1011));
        CHECK(read_frame(client) == "end");
        REQUIRE(scene.lost.size() == 1);
        CHECK(scene.lost[0].find("trouble") != std::string::npos);
    }
    scene.run_until_gone();
}

TEST_CASE("close waits for the peer's half, and then for close_timeout only") {
    Scene scene;
    struct Programs {
        static Coro<void> closes(Log& log, Connection& connection) {
            connection.close(static_cast<CloseCode>(4002), "enough");
            connection.close(static_cast<CloseCode>(4003), "twice");
            CHECK_FALSE(connection.is_open());
            CHECK_FALSE(connection.write_message("late"));
            try {
                co_await connection.send("late");
            } catch (const ConnectionClosed& closed) {
                log.push_back(closed.what());
            }
            auto message = co_await connection.receive();
            log.push_back(message ? "a message" : "closed " + code_text(connection.close_code()));
        }
    };
    scene.program = [&](Connection& c) { return Programs::closes(scene.log, c); };
    Peer client = scene.open("/program");
    CHECK(read_frame(client) == "close:4002 enough");
    CHECK(scene.log.at(0) == "the WebSocket connection is closed: 4002 defined by the application: enough");
    std::string expected;
    SUBCASE("the peer answers with its own code") {
        client.send(text_frame("dropped") + close_frame(4100));
        expected = "closed 4100";
    }
    SUBCASE("the peer is silent") {
        scene.pass(9s);
        CHECK_FALSE(client.is_ended_now());
        scene.pass(2s);
        expected = "closed 1006";
    }
    SUBCASE("the peer sends messages, but no Close") {
        for (int second = 0; second < 9; ++second) {
            client.send(text_frame("busy"));
            scene.pass(1s);
        }
        CHECK_FALSE(client.is_ended_now());
        scene.pass(2s);
        expected = "closed 1006";
    }
    client.read_to_end();
    scene.run_until_gone();
    CHECK(scene.log.back() == expected);
}

TEST_CASE("what may not be in a Close frame is refused, and the connection stays open") {
    Scene scene;
    struct Programs {
        static Coro<void> tries(Connection& connection) {
            CHECK_THROWS_AS(connection.close(CloseCode::abnormal_closure), std::invalid_argument);
            CHECK_THROWS_AS(connection.close(CloseCode::no_status_received), std::invalid_argument);
            CHECK_THROWS_AS(connection.close(static_cast<CloseCode>(999)), std::invalid_argument);
            CHECK_THROWS_AS(connection.close(CloseCode::normal_closure, std::string(124, 'r')), std::invalid_argument);
            CHECK_THROWS_AS(connection.close(CloseCode::normal_closure, "\xff"), std::invalid_argument);
            CHECK(connection.is_open());
            co_await connection.send("still open");
        }
    };
    scene.program = Programs::tries;
    Peer client = scene.open("/program");
    CHECK(read_frame(client) == "text:still open");
}

TEST_CASE("messages that came before the peer's Close can be received and answered, then it is closed") {
    Scene scene(quiet());
    Gate gate(scene);
    scene.program = [&](Connection& c) { return echo_late(gate, scene.log, c); };
    std::string bytes = text_frame("one") + text_frame("two") + close_frame(4000);
    SUBCASE("in time") {
        Peer client = scene.open("/program");
        client.send(bytes);
        scene.settle();
        gate.open();
        CHECK(read_frame(client) == "text:one");
        CHECK(read_frame(client) == "text:two");
        CHECK(read_frame(client) == "close:4000");
        CHECK(client.read_to_end() == "");
        scene.run_until_gone();
        CHECK(scene.log == Log{"one", "two", "4000"});
    }
    SUBCASE("a receive was waiting") {
        scene.program = [&](Connection& c) { return echo(scene.log, c); };
        Peer client = scene.open("/program");
        client.send(bytes);
        CHECK(read_frame(client) == "text:one");
        CHECK(read_frame(client) == "text:two");
        CHECK(read_frame(client) == "close:4000");
        scene.run_until_gone();
        CHECK(scene.log == Log{"closed 4000 "});
    }
}

TEST_CASE("a peer's Close does not wait for a face forever, nor for one that closes or a peer that has left") {
    Scene scene(quiet());
    Gate gate(scene);
    scene.program = [&](Connection& c) { return echo_late(gate, scene.log, c); };
    std::string bytes = text_frame("one") + text_frame("two") + close_frame(4000);
    SUBCASE("too late to answer") {
        Peer client = scene.open("/program");
        client.send(bytes);
        scene.pass(12s);
        CHECK(read_frame(client) == "close:4000");
        CHECK(client.read_to_end() == "");
        gate.open();
        scene.run_until_gone();
        CHECK(scene.log == Log{"one", "two", "4000"});
    }
    SUBCASE("the peer did not wait for the answer") {
        Peer client = scene.open("/program");
        client.send(bytes);
        client.close();
        scene.settle();
        gate.open();
        scene.run_until_gone();
        CHECK(scene.log == Log{"one", "two", "4000"});
    }
    SUBCASE("the coroutine closes instead") {
        scene.program = [&](Connection& c) { return leave_late(gate, scene.log, c); };
        Peer client = scene.open("/program");
        client.send(bytes);
        scene.settle();
        gate.open();
        CHECK(read_frame(client) == "close:4444");
        CHECK(client.read_to_end() == "");
        scene.run_until_gone();
        CHECK(scene.log == Log{"4000"});
    }
}

TEST_CASE("the request is there until the first await, with its parameters and the peer's address") {
    WsServed scene;
    struct Programs {
        static Coro<void> asks(Log& log, Connection& connection) {
            log.push_back(std::string(*connection.request().path_parameter("room")));
            log.push_back(connection.request().argument("name").value_or("?"));
            log.emplace_back(connection.remote_ip());
            co_await connection.receive();
            try {
                static_cast<void>(connection.request());
            } catch (const std::logic_error&) {
                log.push_back("no request any more");
            }
        }
    };
    http::Router router;
    router.get("/rooms/{room}", ws::coroutine([&](Connection& c) { return Programs::asks(scene.log, c); }));
    scene.serve(std::move(router));
    Peer client = scene.open("/rooms/blue?name=Ada%20L");
    client.send(text_frame("x"));
    CHECK(read_frame(client) == "close:1000");
    CHECK(scene.log == Log{"blue", "Ada L", "127.0.0.1", "no request any more"});
}

TEST_CASE("another thread is told that the connection is not its own") {
    Scene scene;
    struct Programs {
        static Coro<void> shares(Connection*& shared, Connection& connection) {
            shared = &connection;
            co_await connection.receive();
        }
    };
    Connection* shared = nullptr;
    scene.program = [&](Connection& c) { return Programs::shares(shared, c); };
    Peer client = scene.open("/program");
    scene.run_until([&] { return shared != nullptr; });
    int refused = 0;
    std::thread stranger([&] {
        for (auto* call : {+[](Connection& c) { c.write_message("x"); }, +[](Connection& c) { c.close(); },
                           +[](Connection& c) { static_cast<void>(c.send("x")); },
                           +[](Connection& c) { c.write_message(ws::SharedMessage()); }}) {
            try {
                call(*shared);
            } catch (const std::logic_error&) {
                ++refused;
            }
        }
    });
    stranger.join();
    CHECK(refused == 4);
    client.send(text_frame("x"));
    CHECK(read_frame(client) == "close:1000");
}
