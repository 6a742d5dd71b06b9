// Who writes faster than the peer reads, who is sent more than it takes, and what a cancelled wait leaves behind.
#include <stepwise/tests/ws/support.hpp>

#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <doctest/doctest.h>

using namespace ws_test;
using ws::Connection;
using ws::ConnectionClosed;

namespace {

Coro<void> send_many(Log& log, Connection& connection) {
    std::string text(1000, 'm');
    try {
        for (int number = 0; number < 20'000; ++number) {
            log.back() = std::to_string(number);
            co_await connection.send(text);
        }
        log.push_back("all sent");
    } catch (const ConnectionClosed& closed) {
        log.push_back("sending: " + code_text(closed.code) + " " + closed.reason);
    }
}

Coro<void> write_much(Log& log, Connection& connection) {
    std::string bytes(100'000, 'w');
    std::size_t queued_max = 0;
    while (connection.write_message(bytes, true)) queued_max = std::max(queued_max, connection.queued_bytes());
    log.push_back("queued at most " + std::to_string(queued_max / 1000) + " kB, then " +
                  std::to_string(connection.queued_bytes()));
    try {
        co_await connection.send("more");
    } catch (const ConnectionClosed& closed) {
        log.push_back(std::string("sending: ") + closed.what());
    }
}

struct Scene : WsServed {
    Scene() {
        ws::ConnectionOptions options;
        options.ping_interval_seconds = 0;
        http::Router router;
        router.get("/many", ws::coroutine([this](Connection& c) { return send_many(log, c); }, options));
        router.get("/much", ws::coroutine([this](Connection& c) { return write_much(log, c); }, options));
        router.get("/program", ws::coroutine([this](Connection& c) { return program(c); }, options));
        serve(std::move(router));
    }

    ~Scene() { server.reset(); }

    std::function<Coro<void>(Connection&)> program;
};

}  // namespace

TEST_CASE("send waits while the peer does not read, and goes on when it does") {
    Scene scene;
    scene.log.push_back("0");
    Peer client = scene.open("/many", 16 * 1024);
    scene.turns(1000);
    int sent = std::stoi(scene.log.back());
    scene.settle();
    CHECK(std::stoi(scene.log.back()) == sent);
    CHECK(sent < 15'000);
    SUBCASE("it reads all") {
        for (int number = 0; number < 20'000; ++number) REQUIRE(read_frame(client).size() == 1005);
        CHECK(read_frame(client) == "close:1000");
        CHECK(scene.log.back() == "all sent");
    }
    SUBCASE("it closes") {
        client.send(close_frame(4005, "stop"));
        scene.settle();
        // Behind all that is queued nobody reads it yet.
        for (std::string frame = read_frame(client); frame != "end"; frame = read_frame(client)) {
            if (frame.starts_with("close")) CHECK(frame == "close:4005");
        }
        CHECK(scene.log.back() == "sending: 4005 stop");
    }
    SUBCASE("it is gone") {
        client.reset();
        scene.run_until_gone();
        CHECK(scene.log.back() == "sending: 1006 ");
    }
}

TEST_CASE("who writes without waiting is stopped at queued_bytes_max, with 1013, and the memory is freed") {
    Scene scene;
    Peer client = scene.open("/much");
    client.read_to_end();
    scene.run_until_gone();
    REQUIRE(scene.log.size() == 2);
    constexpr std::string_view words = "queued at most ";
    REQUIRE(scene.log[0].starts_with(words));
    std::size_t kilobytes = std::stoul(scene.log[0].substr(words.size()));
    CHECK(kilobytes <= ws::ConnectionOptions().queued_bytes_max / 1000);
    CHECK(kilobytes > 8000);
    CHECK(scene.log[0].ends_with(" kB, then 0"));
    CHECK(scene.log[1].find("1013 try again later") != std::string::npos);
}

namespace {

Coro<void> write_numbers(Log& log, Connection& connection) {
    const std::string filler(100'000, ' ');
    int number = 0;
    while (connection.dropped_messages() < 20) connection.write_message(std::to_string(number++) + filler);
    log.push_back(std::to_string(number));
    log.push_back(std::to_string(connection.queued_bytes() / 100'000));
    co_await connection.send("last");
    co_await connection.wait_closed();
}

// The numbers that arrive, of those that were written.
std::vector<int> read_numbers(Peer& client) {
    std::vector<int> numbers;
    for (std::string frame = read_frame(client); frame != "text:last"; frame = read_frame(client)) {
        REQUIRE(frame.starts_with("text:"));
        numbers.push_back(std::stoi(frame.substr(5)));
    }
    return numbers;
}

}  // namespace

TEST_CASE("a connection that may drop goes on: it loses its newest messages, or those that waited longest") {
    for (const ws::WhenFull when_full : {ws::WhenFull::drop_newest, ws::WhenFull::drop_oldest}) {
        const bool newest = when_full == ws::WhenFull::drop_newest;
        CAPTURE(newest);
        WsServed scene;
        ws::ConnectionOptions options;
        options.when_full = when_full;
        options.queued_bytes_max = 1'000'000;
        options.ping_interval_seconds = 0;
        scene.serve_coroutine(options, [&](Connection& c) { return write_numbers(scene.log, c); });
        Peer client = scene.open();
        scene.run_until([&] { return scene.log.size() == 2; });
        const int written = std::stoi(scene.log[0]);
        CHECK(std::stoi(scene.log[1]) <= (newest ? 11 : 12));
        const std::vector<int> numbers = read_numbers(client);
        CHECK(static_cast<int>(numbers.size()) == written - 20);
        CHECK(std::is_sorted(numbers.begin(), numbers.end()));
        CHECK(numbers.front() == 0);
        CHECK((numbers.back() == written - 1) == !newest);
        client.send(close_frame(1000));
        CHECK(read_frame(client) == "close:1000");
        scene.run_until_gone();
        scene.server.reset();
    }
}

TEST_CASE("what waits behind a slow peer is sent before the Close frame") {
    WsServed scene;
    struct Programs {
        static Coro<void> write(Connection& connection) {
            for (int number = 0; number < 8; ++number) {
                connection.write_message(std::to_string(number) + std::string(100'000, ' '));
            }
            connection.write_message("last");
            co_return;
        }
    };
    ws::ConnectionOptions options;
    options.when_full = ws::WhenFull::drop_oldest;
    scene.serve_coroutine(options, [&](Connection& c) { return Programs::write(c); });
    Peer client = scene.open("/", 16 * 1024);
    scene.settle();
    CHECK(read_numbers(client).size() == 8);
    CHECK(read_frame(client) == "close:1000");
    scene.server.reset();
}

TEST_CASE("a close that is refused has let nothing out of what may still be dropped") {
    WsServed scene;
    struct Programs {
        static Coro<void> write(Log& log, Connection& connection) {
            const std::string text(10'000, ' ');
            while (connection.dropped_messages() == 0) connection.write_message(text);
            const std::size_t queued = connection.queued_bytes();
            CHECK_THROWS_AS(connection.close(CloseCode::abnormal_closure), std::invalid_argument);
            CHECK(connection.write_message(text));
            CHECK(connection.queued_bytes() == queued);
            CHECK(connection.dropped_messages() == 2);
            log.emplace_back("written");
            co_return;
        }
    };
    scene.serve_coroutine(drops_oldest(100'000), [&](Connection& c) { return Programs::write(scene.log, c); });
    Peer client = scene.open("/", 16 * 1024);
    scene.run_until([&] { return !scene.log.empty(); });
    scene.server.reset();
}

TEST_CASE("in debug mode it is told, as perhaps a mistake, and where it was written") {
    std::vector<Lint> lints;
    LintHandler before = set_lint_handler([&](const Lint& lint) {
        if (lint.rule == Lint::Rule::no_backpressure) lints.push_back(lint);
    });
    for (bool debug : {false, true}) {
        if (debug) ::setenv("STEPWISE_DEBUG", "1", 1);
        {
            Scene scene;
            Peer client = scene.open("/much");
            client.read_to_end();
            scene.run_until_gone();
        }
        ::unsetenv("STEPWISE_DEBUG");
        REQUIRE(lints.size() == (debug ? 1 : 0));
    }
    set_lint_handler(before);
    std::string text = text_of(lints.front());
    INFO(text);
    CHECK(text.find("more than queued_bytes_max") != text.npos);
    CHECK(text.find("perhaps") != text.npos);
    CHECK(text.find("to 127.0.0.1:") != text.npos);
    bool tells_lines = !detail::first_place_of_program(detail::capture_stack()).empty();
    if (tells_lines) CHECK(text.find("in write_much()") != text.npos);
}

TEST_CASE("what the peer has not taken is told: queued here, and behind that in the kernel") {
    Scene scene;
    struct Programs {
        static Coro<void> writes(Connection*& connection_seen, Connection& connection) {
            connection_seen = &connection;
            connection.write_message(std::string(6 * 1024 * 1024, 'x'), true);
            co_await connection.receive();
        }
    };
    Connection* connection = nullptr;
    scene.program = [&](Connection& c) { return Programs::writes(connection, c); };
    Peer client = scene.open("/program", 16 * 1024);
    scene.settle();
    REQUIRE(connection != nullptr);
    const std::size_t frame_bytes = 6 * 1024 * 1024 + 10;
    const std::size_t queued = connection->queued_bytes();
    const std::size_t in_kernel = connection->unacknowledged_bytes();
    CHECK(queued > 0);
    CHECK(in_kernel > 0);
    CHECK(queued + in_kernel < frame_bytes);
    CHECK(queued + in_kernel > frame_bytes - 1024 * 1024);
    CHECK(client.read(frame_bytes).size() == frame_bytes);
    scene.run_until([&] { return connection->unacknowledged_bytes() == 0; });
    CHECK(connection->queued_bytes() == 0);
}

TEST_CASE("a cancelled receive has taken no message, and a cancelled send has sent its own once") {
    Scene scene;
    struct Programs {
        static Coro<void> receive_one(Log& log, Connection& connection) {
            auto message = co_await connection.receive();
            log.push_back(message ? std::string(message->data()) : "nothing");
        }
        static Coro<void> send_one(Connection& connection, std::string text) { co_await connection.send(text); }
        static Coro<void> receives(Scene& scene, Connection& connection) {
            EventLoop& loop = EventLoop::current();
            for (int round = 0; round < 3; ++round) {
                Task<void> receiving = loop.create_task(receive_one(scene.log, connection));
                co_await sleep(0s);
                co_await sleep(0s);
                if (round < 2) receiving.cancel();
                try {
                    co_await receiving;
                } catch (const CancelledError&) {
                    scene.log.push_back("cancelled");
                }
                if (round == 0) connection.write_message("go");
                if (round == 1) connection.write_message("again");
            }
        }
        static Coro<void> sends(Scene& scene, Connection& connection) {
            EventLoop& loop = EventLoop::current();
            connection.write_message(std::string(6 * 1024 * 1024, 'x'), true);
            Task<void> sending = loop.create_task(send_one(connection, "once"));
            for (int turn = 0; turn < 10; ++turn) co_await sleep(0s);
            sending.cancel();
            try {
                co_await sending;
            } catch (const CancelledError&) {
                scene.log.push_back("cancelled");
            }
            co_await connection.receive();
        }
    };
    SUBCASE("receive") {
        scene.program = [&](Connection& c) { return Programs::receives(scene, c); };
        Peer client = scene.open("/program");
        CHECK(read_frame(client) == "text:go");
        CHECK(read_frame(client) == "text:again");
        client.send(text_frame("one"));
        CHECK(read_frame(client) == "close:1000");
        CHECK(scene.log == Log{"cancelled", "cancelled", "one"});
    }
    SUBCASE("send") {
        scene.program = [&](Connection& c) { return Programs::sends(scene, c); };
        Peer client = scene.open("/program", 16 * 1024);
        scene.run_until([&] { return !scene.log.empty(); });
        CHECK(scene.log == Log{"cancelled"});
        CHECK(read_frame(client).size() == 6 * 1024 * 1024 + 7);
        CHECK(read_frame(client) == "text:once");
        client.send(text_frame("done"));
        CHECK(read_frame(client) == "close:1000");
    }
}

TEST_CASE("messages that nobody takes stop the reading, and cost little") {
    Scene scene;
    struct Programs {
        static Coro<void> waits(Gate& gate, Log& log, Connection& connection) {
            Future<void> opened = gate.arrive();
            co_await opened;
            std::size_t bytes = 0;
            while (auto message = co_await connection.receive()) bytes += message->data().size();
            log.push_back(std::to_string(bytes));
        }
    };
    Gate gate(scene);
    scene.program = [&](Connection& c) { return Programs::waits(gate, scene.log, c); };
    Peer client = scene.open("/program");
    std::string frame = client_frame(Opcode::binary, std::string(10'000, 'b'));
    std::string bytes;
    for (int count = 0; count < 3000; ++count) bytes += frame;
    std::size_t sent = 0;
    for (int round = 0; round < 30; ++round) {
        sent += client.try_send(std::string_view(bytes).substr(sent));
        scene.settle();
    }
    CHECK(sent < bytes.size());
    gate.open();
    client.send(std::string_view(bytes).substr(sent));
    client.send(close_frame(1000));
    client.read_to_end();
    scene.run_until_gone();
    CHECK(scene.log == Log{"30000000"});
}

TEST_CASE("two tasks that receive on one connection are told of their mistake") {
    Scene scene;
    struct Programs {
        static Coro<void> receive(Connection& connection) { co_await connection.receive(); }
        static Coro<void> both(Connection& connection) {
            Task<void> first = EventLoop::current().create_task(receive(connection));
            co_await sleep(0s);
            try {
                co_await connection.receive();
            } catch (const std::logic_error&) {
                connection.write_message("one only");
            }
            co_await first;
        }
    };
    scene.program = Programs::both;
    Peer client = scene.open("/program");
    CHECK(read_frame(client) == "text:one only");
    client.send(text_frame("x"));
    CHECK(read_frame(client) == "close:1000");
}
