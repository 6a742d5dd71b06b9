// What waits in a connection: what arrives faster than the face takes it, and what is written beside a feed that keeps
// the connection full.
#include <stepwise/tests/ws/support.hpp>

#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/deflate.hpp>

#include <doctest/doctest.h>

using namespace ws_test;
using ws::Connection;

namespace {

// A million bytes in one frame of a thousand.
std::string packed_frame(char letter) {
    const std::string message(1'000'000, letter);
    const std::optional<std::string_view> packed = ws::pack_alone(message, 15, {});
    REQUIRE(packed.has_value());
    std::string bytes;
    net::StringSink sink(bytes);
    ws::append_frame(sink, Opcode::text, *packed, true, ws::MaskKey{}, ws::rsv1);
    return bytes;
}

class Slow : public ws::WebSocketHandler {
public:
    Slow(Gate& gate, Log& log, Connection*& newest) : gate_(gate), log_(log), newest_(newest) {}
    void open() { newest_ = &connection(); }
    Coro<void> on_message(ws::Message message) {
        Future<void> opened = gate_.arrive();
        if (gate_.arrived == 1) co_await opened;
        log_.push_back(std::to_string(message.data().size()) + message.data().front());
    }
    void on_close() { log_.push_back("closed " + code_text(close_code())); }

private:
    Gate& gate_;
    Log& log_;
    Connection*& newest_;
};

Coro<void> receive_behind(Gate& gate, Log& log, Connection& connection) {
    Future<void> opened = gate.arrive();
    co_await opened;
    while (auto message = co_await connection.receive()) {
        log.push_back(std::to_string(message->data().size()) + message->data().front());
    }
    log.push_back("closed " + code_text(connection.close_code()));
}

Coro<void> return_behind(Gate& gate, Connection&) {
    Future<void> opened = gate.arrive();
    co_await opened;
}

struct Behind : WsServed {
    Behind() {
        http::Router router;
        router.get("/handler",
                   ws::handler<Slow>(ws::ConnectionOptions(), std::ref(gate), std::ref(log), std::ref(newest)));
        router.get("/coroutine", ws::coroutine([this](Connection& c) {
                       newest = &c;
                       return receive_behind(gate, log, c);
                   }));
        router.get("/returns", ws::coroutine([this](Connection& c) {
                       newest = &c;
                       return return_behind(gate, c);
                   }));
        serve(std::move(router));
    }
    ~Behind() { server.reset(); }

    // All in one read, and a ping behind each message: a pong tells that what came before it was unpacked.
    Peer open_and_send(std::string_view path, std::string_view last = close_frame(1000)) {
        Peer peer = connect();
        peer.send(handshake(path, "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
        REQUIRE(peer.read_until("\r\n\r\n").find("permessage-deflate") != std::string::npos);
        std::string bytes;
        for (const char letter : {'a', 'b', 'c', 'd', 'e'}) {
            bytes += packed_frame(letter) + client_frame(Opcode::ping, {&letter, 1});
        }
        peer.send(bytes.append(last));
        settle();
        return peer;
    }
    // Until this end knows of it: what it writes finds no peer.
    void reset(Peer& peer) {
        peer.reset();
        run_until([&] { return !newest->write_message("nobody reads this"); });
        CHECK_FALSE(newest->is_open());
    }

    Gate gate{*this};
    Connection* newest = nullptr;
};

Log all_five_and(const std::string& end) {
    return {"1000000a", "1000000b", "1000000c", "1000000d", "1000000e", end};
}

}  // namespace

TEST_CASE("messages that nobody takes are not unpacked: what one read brings waits as it came") {
    for (const char* path : {"/handler", "/coroutine"}) {
        CAPTURE(path);
        Behind scene;
        Peer client = scene.open_and_send(path);
        char byte = 0;
        REQUIRE(calls::recv(client.fd(), &byte, 1) < 0);
        scene.gate.open();
        for (const char* pong : {"pong:a", "pong:b", "pong:c", "pong:d", "pong:e"}) CHECK(read_frame(client) == pong);
        CHECK(read_frame(client) == "close:1000");
        scene.run_until_gone();
        CHECK(scene.log == all_five_and("closed 1000"));
    }
}

TEST_CASE("messages that were read and not unpacked are given, and then the end, when the connection is reset") {
    for (const char* path : {"/handler", "/coroutine"}) {
        CAPTURE(path);
        for (const bool has_closed : {false, true}) {
            Behind scene;
            Peer client = scene.open_and_send(path, has_closed ? close_frame(1000) : "");
            scene.reset(client);
            CHECK(scene.log.empty());
            scene.gate.open();
            scene.run_until_gone();
            CHECK(scene.log == all_five_and(has_closed ? "closed 1000" : "closed 1006"));
        }
    }
}

TEST_CASE("messages that were not unpacked go with the connection, and the Close frame behind them is seen") {
    Behind scene;
    Peer client = scene.open_and_send("/returns");
    const TimePoint before = scene.loop().time();
    std::string last;
    SUBCASE("it returns") {
        scene.gate.open();
        while (last.find("close") == std::string::npos) last = read_frame(client);
        CHECK(last == "close:1000");
    }
    SUBCASE("the client is gone") {
        client.reset();
        scene.gate.open();
    }
    SUBCASE("the client is gone, as is known before it returns") {
        scene.reset(client);
        scene.gate.open();
    }
    scene.run_until_gone();
    CHECK(scene.loop().time() - before < 5s);
}

TEST_CASE("many messages in one read are given in their order, each once, however few may wait") {
    WsServed scene;
    struct Programs {
        static Coro<void> joins(Log& log, Connection& connection) {
            log.emplace_back();
            while (auto message = co_await connection.receive()) {
                log.back() += message->data();
                connection.write_message(message->data());
            }
        }
    };
    ws::ConnectionOptions options;
    options.waiting_messages_max = 2;
    scene.serve_coroutine(options, [&](Connection& c) { return Programs::joins(scene.log, c); });
    Peer client = scene.open();
    std::string bytes;
    std::string expected;
    for (int number = 0; number < 100; ++number) {
        bytes += text_frame(std::to_string(number));
        expected += std::to_string(number);
    }
    bytes += close_frame(1000);
    client.send(bytes);
    for (int number = 0; number < 100; ++number) CHECK(read_frame(client) == "text:" + std::to_string(number));
    CHECK(read_frame(client) == "close:1000");
    scene.run_until_gone();
    CHECK(scene.log == Log{expected});
    scene.server.reset();
}

namespace {

Coro<void> feed(Connection& connection) {
    const std::string filler(100'000, 'f');
    while (connection.is_open()) {
        for (int count = 0; count < 3; ++count) connection.write_message(filler, true);
        co_await sleep(0s);
    }
}

Coro<void> answer_beside_a_feed(Log& log, Connection& connection) {
    Task<void> feeding = EventLoop::current().create_task(feed(connection));
    while (connection.dropped_messages() < 10) co_await sleep(0s);
    log.emplace_back("full");
    while (auto message = co_await connection.receive()) {
        co_await connection.send(message->data());
        log.push_back("sent " + std::string(message->data()));
    }
    log.push_back("closed " + code_text(connection.close_code()));
    co_await feeding;
}

}  // namespace

TEST_CASE("a connection that may drop hears its peer, and its send returns, while a feed keeps it full") {
    for (const ws::WhenFull when_full : {ws::WhenFull::drop_newest, ws::WhenFull::drop_oldest}) {
        CAPTURE(static_cast<int>(when_full));
        WsServed scene;
        ws::ConnectionOptions options;
        options.when_full = when_full;
        options.ping_interval_seconds = 0;
        scene.serve_coroutine(options, [&](Connection& c) { return answer_beside_a_feed(scene.log, c); });
        Peer client = scene.open("/", 16 * 1024);
        scene.run_until([&] { return !scene.log.empty(); });
        std::string others;
        const auto read_until = [&](const auto& done) {
            for (int count = 0; count < 1000 && !done(); ++count) {
                const std::string frame = read_frame(client);
                if (!frame.starts_with("binary:")) others += frame + " ";
            }
            return done();
        };
        for (const char* word : {"one", "two"}) {
            client.send(text_frame(word));
            REQUIRE(read_until([&] { return scene.log.back() == std::string("sent ") + word; }));
        }
        for (int count = 0; count < 100; ++count) client.send(client_frame(Opcode::ping, "p"));
        client.send(close_frame(4000));
        REQUIRE(read_until([&] { return others.ends_with("close:4000 "); }));
        CHECK(others == "text:one text:two pong:p close:4000 ");
        CHECK(scene.log == Log{"full", "sent one", "sent two", "closed 4000"});
        scene.run_until_gone();
        scene.server.reset();
    }
}

TEST_CASE(
    "messages of no bytes that wait are bounded, too: by what they cost, while the bytes that are told are theirs") {
    WsServed scene;
    struct Programs {
        static Coro<void> write(Log& log, Connection& connection) {
            connection.write_message(std::string(6 * 1024 * 1024, 'x'), true);
            co_await sleep(0s);
            std::size_t queued = connection.queued_bytes();
            for (int count = 0; count < 100'000; ++count) connection.write_message("");
            CHECK(connection.queued_bytes() == queued);
            log.push_back(std::to_string(connection.dropped_messages()));
            co_return;
        }
    };
    scene.serve_coroutine(drops_oldest(100'000), [&](Connection& c) { return Programs::write(scene.log, c); });
    Peer client = scene.open("/", 16 * 1024);
    scene.run_until([&] { return !scene.log.empty(); });
    const int dropped = std::stoi(scene.log.front());
    CHECK(dropped > 97'000);
    CHECK(dropped < 100'000);
    int received = 0;
    for (std::string frame = read_frame(client); frame != "close:1000"; frame = read_frame(client)) {
        received += frame == "text:" ? 1 : 0;
    }
    CHECK(received == 100'000 - dropped);
    client.send(close_frame(1000));
    scene.run_until_gone();
    scene.server.reset();
}

TEST_CASE("a message too long for the queue is dropped itself, not all that waits there") {
    WsServed scene;
    struct Programs {
        static Coro<void> write(Log& log, Connection& connection) {
            while (connection.dropped_messages() < 3) connection.write_message(std::string(100'000, 'x'), true);
            const std::size_t queued = connection.queued_bytes();
            CHECK_FALSE(connection.write_message(std::string(1'000'001, 'y'), true));
            CHECK(connection.queued_bytes() == queued);
            CHECK(connection.dropped_messages() == 4);
            log.emplace_back("written");
            co_return;
        }
    };
    scene.serve_coroutine(drops_oldest(1'000'000), [&](Connection& c) { return Programs::write(scene.log, c); });
    Peer client = scene.open("/", 16 * 1024);
    scene.run_until([&] { return !scene.log.empty(); });
    client.reset();
    scene.run_until_gone();
    scene.server.reset();
}
