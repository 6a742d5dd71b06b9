// How connections begin, what they cost while nothing happens, and how a server ends them.
#include <stepwise/tests/ws/support.hpp>

#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/left_out.hpp>

#include <doctest/doctest.h>
#include <malloc.h>

using namespace ws_test;
using ws::Message;
using ws::MessageView;
using ws::WebSocketHandler;

namespace {

struct Stage {
    Log log;
    std::function<void()> on_message;
    int made = 0;
};

class Echo : public WebSocketHandler {
public:
    explicit Echo(Stage& stage) : stage_(stage) { ++stage_.made; }
    ~Echo() { --stage_.made; }
    void open() { stage_.log.push_back("open"); }
    void on_message(MessageView message) {
        write_message(message.data);
        if (stage_.on_message) stage_.on_message();
    }
    void on_close() { stage_.log.push_back("close " + code_text(close_code())); }

private:
    Stage& stage_;
};

// Asks for an argument before the handshake is answered, and keeps account of pings.
class Asks : public WebSocketHandler {
public:
    explicit Asks(Stage& stage) : stage_(stage) {}
    std::optional<http::Response> prepare(const http::Request& request) {
        if (request.argument("Id")) return std::nullopt;
        return http::Response::error(400, "Id is missing");
    }
    void open() { stage_.log.push_back("open " + *request().argument("Id")); }
    void on_message(MessageView message) { write_message(message.data); }
    void on_ping(std::string_view payload) { stage_.log.push_back("ping " + std::string(payload)); }
    void on_pong(std::string_view payload) {
        const bool is_measured = connection().round_trip_time().has_value();
        stage_.log.push_back((is_measured ? "measured, pong of " : "pong of ") + std::to_string(payload.size()));
    }

private:
    Stage& stage_;
};

class Picky : public WebSocketHandler {
public:
    explicit Picky(Stage& stage) : stage_(stage) {}
    bool check_origin(std::string_view origin) {
        stage_.log.push_back(std::string(origin));
        if (origin == "http://throws") throw std::runtime_error("no opinion");
        return origin == "https://friend.example";
    }
    void on_message(MessageView) {}

private:
    Stage& stage_;
};

class Sender : public WebSocketHandler {
public:
    explicit Sender(Stage& stage) : stage_(stage) {}
    void open() { write_message(std::string(6 * 1024 * 1024, 's')); }
    void on_message(MessageView) {}
    void on_close() { stage_.log.push_back("close " + code_text(close_code()) + " " + close_reason()); }

private:
    Stage& stage_;
};

struct Scene : WsServed {
    explicit Scene(ws::ConnectionOptions options = {}) {
        http::Router router;
        router.get("/", ws::handler<Echo>(options, std::ref(stage)));
        router.get("/picky", ws::handler<Picky>(options, std::ref(stage)));
        router.get("/asks", ws::handler<Asks>(options, std::ref(stage)));
        router.get("/sender", ws::handler<Sender>(options, std::ref(stage)));
        serve(std::move(router));
    }
    ~Scene() { server.reset(); }
    Answer answer_to(const std::string& request) {
        Peer client = connect();
        client.send(request);
        return read_answer(client);
    }

    Stage stage;
};

}  // namespace

// ---- the handshake

TEST_CASE("pages of other origins are refused unless the handler lets them in") {
    Scene scene;
    CHECK(scene.answer_to(handshake("/", "Origin: http://evil.example\r\n")).status == 403);
    CHECK(scene.answer_to(handshake("/", "Origin: null\r\n")).status == 403);
    CHECK(scene.stage.log.empty());
    CHECK(scene.answer_to(handshake("/", "Origin: http://test\r\n")).status == 101);
    CHECK(scene.answer_to(handshake("/")).status == 101);
    CHECK(scene.stage.log.size() >= 2);
    scene.run_until_gone();
    CHECK(scene.stage.made == 0);
    scene.stage.log.clear();
    CHECK(scene.answer_to(handshake("/picky", "Origin: https://friend.example\r\n")).status == 101);
    CHECK(scene.answer_to(handshake("/picky", "Origin: http://test\r\n")).status == 403);
    CHECK(scene.answer_to(handshake("/picky")).status == 101);
    CHECK(scene.answer_to(handshake("/picky", "Origin: http://throws\r\n")).status == 500);
    CHECK(scene.stage.log == Log{"https://friend.example", "http://test", "http://throws"});
    CHECK(scene.lost.size() == 1);
}

TEST_CASE("what a handler misses in the request is told before there is a connection") {
    Scene scene;
    Answer answer = scene.answer_to(handshake("/asks"));
    CHECK(answer.status == 400);
    CHECK(answer.body.find("Id is missing") != std::string::npos);
    CHECK(scene.stage.log.empty());
    CHECK(scene.answer_to(handshake("/asks?Id=a%20b")).status == 101);
    CHECK(scene.stage.log.front() == "open a b");
}

TEST_CASE("the server's subprotocols: the first of the client's that it speaks, or none") {
    ws::ConnectionOptions options;
    options.subprotocols = {"chat", "echo"};
    Scene scene(options);
    CHECK(scene.answer_to(handshake("/", "Sec-WebSocket-Protocol: none, echo, chat\r\n"))
              .has("Sec-WebSocket-Protocol: echo\r\n"));
    const Answer answer = scene.answer_to(handshake("/", "Sec-WebSocket-Protocol: Chat\r\n"));
    CHECK(answer.status == 101);
    CHECK_FALSE(answer.has("Sec-WebSocket-Protocol"));
}

TEST_CASE("extensions that are no list are refused, those that are not known are passed over") {
    Scene scene;
    CHECK(scene.answer_to(handshake("/", "Sec-WebSocket-Extensions: a; ; b\r\n")).status == 400);
    CHECK(scene.answer_to(handshake("/", "Sec-WebSocket-Extensions: x-other; a=b\r\n")).status == 101);
    const Answer answer = scene.answer_to(handshake("/", "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    CHECK(
        answer.has("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                   "client_no_context_takeover\r\n"));
}

TEST_CASE("what is no handshake is told what to ask for, and the connection stays usable") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/"));
    Answer answer = read_answer(client);
    CHECK(answer.status == 426);
    CHECK(answer.has("Upgrade: websocket\r\n"));
    CHECK(answer.has("Connection: Upgrade\r\n"));
    std::string old = handshake();
    old.replace(old.find("Version: 13"), 11, "Version: 8 ");
    client.send(old);
    answer = read_answer(client);
    CHECK(answer.status == 426);
    CHECK(answer.has("Sec-WebSocket-Version: 13\r\n"));
    std::string keyless = handshake();
    keyless.erase(keyless.find("Sec-WebSocket-Key"), 45);
    client.send(keyless);
    CHECK(read_answer(client).status == 400);
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    CHECK(read_answer(client).status == 405);
    client.send(handshake() + text_frame("now"));
    CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101"));
    CHECK(read_frame(client) == "text:now");
}

TEST_CASE("a handshake may follow other requests, and a request behind a refused one is answered") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/nowhere") + handshake("/", "Origin: http://evil.example\r\n") + handshake() + text_frame("hi"));
    CHECK(read_answer(client).status == 404);
    CHECK(read_answer(client).status == 403);
    CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101"));
    CHECK(read_frame(client) == "text:hi");
}

// A sanitizer counts memory itself, and the frame pool is off.
#if STEPWISE_FRAME_POOL && !defined(__SANITIZE_THREAD__)

TEST_CASE("an idle connection holds some 500 bytes, after messages, compressed ones too, and after keepalive") {
    // The reactor's table of descriptors, which the clients' are in, too, does not grow with the second ones.
    constexpr std::size_t first = 300;
    constexpr std::size_t second = 150;
    if (is_left_out_on_simulator("the heap has its network, too")) return;
    Scene scene;
    std::vector<Peer> clients;
    clients.reserve(first + second);
    const std::string fields = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    const std::string message(1000, 'm');
    const auto open_more = [&](std::size_t count) {
        for (std::size_t opened = 0; opened < count; ++opened) {
            Peer& client = clients.emplace_back(scene.connect());
            client.send(handshake("/", fields));
            REQUIRE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
            client.send(text_frame(message));
            REQUIRE(client.read(2)[0] == '\xC1');
            static_cast<void>(client.read_what_comes());
        }
        scene.pass(22s);
        for (Peer& client : clients) {
            const std::string ping = client.read_now();
            REQUIRE(ping.size() >= 6);
            client.send(client_frame(Opcode::pong, ping.substr(2, 4)));
        }
        scene.settle();
        frame_pool::trim();
        return mallinfo2().uordblks;
    };
    const std::size_t before = open_more(first);  // what is made once is there
    const double of_each = static_cast<double>(open_more(second) - before) / second;
    CHECK(of_each < 544);  // with 50 to 100 of the reactor's
    CHECK(of_each > 256);
}

#endif

// ---- keepalive

TEST_CASE("a silent peer is pinged, then closed after interval and timeout") {
    Scene scene;
    Peer client = scene.open();
    scene.pass(22s);
    CHECK(read_frame(client).starts_with("ping:"));
    scene.pass(16s);
    CHECK_FALSE(client.is_ended_now());
    scene.pass(6s);
    CHECK(client.is_ended_now());
    CHECK(scene.stage.log == Log{"open", "close 1006"});
    CHECK(scene.server->connection_count() == 0);
}

TEST_CASE("bytes of any kind keep a connection alive: pongs, messages, half a frame") {
    Scene scene;
    std::vector<Peer> clients;
    for (int count = 0; count < 3; ++count) clients.push_back(scene.open());
    std::string slow = client_frame(Opcode::binary, std::string(100, 'x'));
    for (std::size_t round = 0; round < 5; ++round) {
        scene.pass(30s);
        clients[0].send(client_frame(Opcode::pong, ""));
        clients[1].send(text_frame("here"));
        clients[2].send(slow.substr(round, 1));
        scene.settle();
        for (Peer& client : clients) REQUIRE_FALSE(client.is_ended_now());
    }
    CHECK(scene.server->connection_count() == 3);
}

TEST_CASE("a peer that reads slowly and says nothing lives; one that has stopped does not") {
    Scene scene;
    Peer slow = scene.open("/sender", 64 * 1024);
    Peer stopped = scene.open("/sender", 64 * 1024);
    scene.turns(500);
    for (int round = 0; round < 8; ++round) {
        slow.read(600'000);
        scene.pass(15s);
    }
    CHECK(scene.server->connection_count() == 1);
    CHECK(scene.stage.log.size() == 1);
    CHECK(scene.stage.log[0].starts_with("close 1006 keepalive"));
    CHECK_FALSE(slow.is_ended_now());
    CHECK(stopped.read_to_end().size() < 6 * 1024 * 1024);
}

TEST_CASE("a peer that answers lives while its own messages keep this end from reading, and is watched again then") {
    struct Programs {
        static Coro<void> takes_its_time(Gate& gate, Log& log, ws::Connection& connection) {
            Future<void> opened = gate.arrive();
            co_await opened;
            int messages = 0;
            while (auto message = co_await connection.receive()) ++messages;
            log.push_back(std::to_string(messages) + " messages, " + code_text(connection.close_code()));
        }
    };
    WsServed scene;
    Gate gate(scene);
    http::Router router;
    router.get("/", ws::coroutine([&](ws::Connection& c) { return Programs::takes_its_time(gate, scene.log, c); }));
    scene.serve(std::move(router));
    Peer client = scene.open();
    for (int number = 0; number < 100; ++number) client.send(text_frame("m"));
    scene.settle();
    int pongs = 0;
    for (int round = 0; round < 30; ++round) {
        scene.pass(5s);
        for (std::string frames = client.read_now(); !frames.empty(); frames.erase(0, 6)) {
            REQUIRE(frames.size() >= 6);
            client.send(client_frame(Opcode::pong, frames.substr(2, 4)));
            ++pongs;
        }
    }
    CHECK(pongs > 2);
    REQUIRE_FALSE(client.is_ended_now());
    gate.open();
    scene.settle();
    scene.pass(15s);
    CHECK(scene.log.empty());
    scene.pass(60s);
    CHECK(scene.log == Log{"100 messages, 1006"});
    scene.server.reset();
}

TEST_CASE("pings and pongs are told to the hooks that want them, and the answered keepalive ping is timed") {
    Scene scene;
    Peer client = scene.open("/asks?Id=7");
    client.send(client_frame(Opcode::ping, "hi") + client_frame(Opcode::pong, "not asked for"));
    CHECK(read_frame(client) == "pong:hi");
    scene.pass(24s);
    const std::string ping = read_frame(client);
    REQUIRE(ping.size() == 9);
    client.send(client_frame(Opcode::pong, ping.substr(5)));
    scene.settle();
    CHECK(scene.stage.log == Log{"open 7", "ping hi", "pong of 13", "measured, pong of 4"});
}

TEST_CASE("without an interval nobody is pinged") {
    ws::ConnectionOptions options;
    options.ping_interval_seconds = 0;
    Scene scene(options);
    Peer client = scene.open();
    scene.pass(200s);
    CHECK(client.read_now() == "");
    CHECK_FALSE(client.ended());
}

// ---- the server's end

TEST_CASE("a shutdown says 1001 to all, and waits for their answers until its deadline") {
    Scene scene;
    std::vector<Peer> clients;
    for (int count = 0; count < 20; ++count) clients.push_back(scene.open());
    clients[3].send(text_frame("on the way"));
    scene.settle();
    Task<void> shutdown = scene.start_shutdown(5s);
    CHECK_THROWS_AS(scene.connect(), std::system_error);
    CHECK(read_frame(clients[3]).starts_with("text:on the way"));
    for (Peer& client : clients) CHECK(read_frame(client) == "close:1001 the server is shutting down");
    CHECK_FALSE(shutdown.done());
    SUBCASE("all answer") {
        for (Peer& client : clients) client.send(close_frame(1001));
        scene.run_until([&] { return shutdown.done(); });
        for (Peer& client : clients) CHECK(client.read_to_end() == "");
        CHECK(scene.stage.log.back() == "close 1001");
    }
    SUBCASE("one does not") {
        for (std::size_t count = 1; count < clients.size(); ++count) clients[count].send(close_frame(1001));
        scene.pass(4s);
        CHECK_FALSE(shutdown.done());
        CHECK(scene.server->connection_count() == 1);
        scene.pass(2s);
        CHECK(shutdown.done());
        CHECK(clients[0].is_ended_now());
        CHECK(scene.stage.log.back() == "close 1006");
    }
    CHECK(scene.stage.log.size() == 40);
    CHECK(scene.stage.made == 0);
}

TEST_CASE("a hook may start a shutdown, and another while the first one runs") {
    Scene scene;
    std::optional<Task<void>> first, second;
    scene.stage.on_message = [&] {
        (first ? second : first).emplace(scene.loop().create_task(scene.server->shutdown(5s)));
    };
    Peer client = scene.open();
    client.send(text_frame("one") + text_frame("two"));
    CHECK(read_frame(client) == "text:one");
    CHECK(read_frame(client) == "text:two");
    CHECK(read_frame(client) == "close:1001 the server is shutting down");
    client.send(close_frame(1001));
    scene.run_until([&] { return first->done() && second->done(); });
    CHECK(scene.stage.log == Log{"open", "close 1001"});
}

TEST_CASE("a server that ends without a shutdown calls every on_close at once") {
    Scene scene;
    std::vector<Peer> clients;
    for (int count = 0; count < 5; ++count) clients.push_back(scene.open());
    clients.push_back(scene.open("/sender", 4096));
    scene.server.reset();
    CHECK(scene.stage.log.size() == 11);
    CHECK(scene.stage.made == 0);
    for (Peer& client : clients) client.read_to_end();
}
