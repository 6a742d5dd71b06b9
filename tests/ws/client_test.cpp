// The client's end of a connection, against our own server in the same loop.
#include <stepwise/tests/left_out.hpp>
#include <stepwise/tests/ws/client_support.hpp>

#include <doctest/doctest.h>

#include <thread>

using namespace ws_test;
using ws::MessageView;
using ws::WebSocketHandler;

namespace {

class Echo : public WebSocketHandler {
public:
    explicit Echo(Log& log) : log_(log) {}
    void open() { log_.push_back(subprotocol().empty() ? "open" : "open with " + std::string(subprotocol())); }
    void on_message(MessageView message) {
        log_.push_back(std::string(message.data));
        write_message(message.data, !message.is_text);
    }
    void on_close() { log_.push_back("close " + code_text(close_code()) + " " + close_reason()); }

private:
    Log& log_;
};

// Closes with its own code as soon as it is told to.
class Closes : public WebSocketHandler {
public:
    void open() {
        write_message("first");
        close(static_cast<CloseCode>(4001), "bye");
    }
    void on_message(MessageView) {}
};

struct Scene : WsServed {
    explicit Scene(ws::ConnectionOptions options = {}) {
        http::Router router;
        router.get("/", ws::handler<Echo>(options, std::ref(log)));
        router.get("/closes", ws::handler<Closes>(options));
        router.get("/plain", [](const http::Request&) { return http::Response::text("no WebSocket here"); });
        serve(std::move(router));
    }
    ~Scene() { server.reset(); }
    std::string url(std::string_view path = "/") { return "ws://" + address.to_string() + std::string(path); }
    ClientConnection open(std::string_view path = "/", const ws::ConnectOptions& options = {}) {
        return run(ws::connect(url(path), options));
    }
};

Coro<Log> say_all(std::string url, Log messages) {
    ClientConnection connection = co_await ws::connect(url);
    Log answers;
    for (const std::string& message : messages) {
        co_await connection->send(message);
        auto answer = co_await connection->receive();
        answers.push_back(std::string(answer->data()));
    }
    co_return answers;
}

}  // namespace

TEST_CASE("a client that says something five times is seen five times: open, messages, 1000") {
    Scene scene;
    for (int round = 0; round < 5; ++round) {
        CHECK(scene.run(say_all(scene.url(), {"start", "stop"})) == Log{"start", "stop"});
    }
    scene.run_until_gone();
    Log one = {"open", "start", "stop", "close 1000 "};
    Log five;
    for (int round = 0; round < 5; ++round) five.insert(five.end(), one.begin(), one.end());
    CHECK(scene.log == five);
    CHECK(scene.lost.empty());
}

TEST_CASE("messages of every length form come back as they were sent") {
    Scene scene;
    ClientConnection connection = scene.open();
    for (std::size_t size : {0, 1, 125, 126, 65535, 65536, 300000}) {
        std::string bytes = pattern(size);
        CHECK(connection->write_message(bytes, true));
        CHECK(scene.run(next(*connection)) == bytes);
    }
}

TEST_CASE("messages are compressed where both ends are willing, in either way of it") {
    for (const bool server_keeps : {false, true}) {
        for (const bool client_keeps : {false, true}) {
            ws::ConnectionOptions options;
            options.protocol.compression.context_takeover = server_keeps;
            Scene scene(options);
            ws::ConnectOptions connect_options;
            connect_options.connection.protocol.compression.context_takeover = client_keeps;
            ClientConnection connection = scene.open("/", connect_options);
            CHECK(connection->sent_window_bits() == 15);
            for (const std::size_t size : {1, 127, 128, 5000, 200'000, 128}) {
                const std::string text(size, 'c');
                CHECK(connection->write_message(text));
                CHECK(scene.run(next(*connection)) == text);
                CHECK(scene.log.back() == text);
            }
        }
    }
}

TEST_CASE("one end that does not compress is enough for messages to go as they are") {
    ws::ConnectionOptions off;
    off.protocol.compression.enabled = false;
    for (const bool server_is_off : {false, true}) {
        Scene scene(server_is_off ? off : ws::ConnectionOptions());
        ws::ConnectOptions connect_options;
        if (!server_is_off) connect_options.connection = off;
        ClientConnection connection = scene.open("/", connect_options);
        CHECK(connection->sent_window_bits() == 0);
        CHECK(connection->write_message(std::string(1000, 'p')));
        CHECK(scene.run(next(*connection)) == std::string(1000, 'p'));
    }
}

TEST_CASE("both ends know the subprotocol that was chosen") {
    ws::ConnectionOptions options;
    options.subprotocols = {"chat", "echo"};
    Scene scene(options);
    ws::ConnectOptions connect_options;
    connect_options.subprotocols = {"other", "echo", "chat"};
    CHECK(scene.open("/", connect_options)->subprotocol() == "echo");
    connect_options.subprotocols = {"other"};
    CHECK(scene.open("/", connect_options)->subprotocol() == "");
    scene.run_until([&] { return scene.log.size() >= 2; });
    CHECK(scene.log[0] == "open with echo");
    CHECK(scene.log.back() != "open with echo");
}

TEST_CASE("the server's code and reason reach the client, behind the messages that came before") {
    Scene scene;
    ClientConnection connection = scene.open("/closes");
    CHECK(scene.run(next(*connection)) == "first");
    CHECK(scene.run(next(*connection)) == "closed 4001 bye");
    CHECK(scene.run(next(*connection)) == "closed 4001 bye");
    CHECK(scene.run(send_on(*connection)) == "stopped by 4001");
}

TEST_CASE("the client's code and reason reach the server") {
    Scene scene;
    ClientConnection connection = scene.open();
    connection->close(static_cast<CloseCode>(4002), "enough");
    scene.run(closed(*connection));
    CHECK(code_text(connection->close_code()) == "4002");
    scene.run_until_gone();
    CHECK(scene.log == Log{"open", "close 4002 enough"});
}

TEST_CASE("a connection that is let go of closes in order, behind what was written") {
    Scene scene;
    ClientConnection connection = scene.open();
    connection->write_message("last words");
    connection.reset();
    scene.run_until_gone();
    CHECK(scene.log == Log{"open", "last words", "close 1000 "});
}

TEST_CASE("a program whose last act is to let go of its connection has closed it") {
    if (is_left_out_on_simulator("the program has a thread of its own")) return;
    Scene scene;
    struct Programs {
        static Coro<void> leave(std::string url) {
            ClientConnection connection = co_await ws::connect(url);
            connection->write_message("last words");
        }
    };
    // In a loop of its own, which ends at once; the server's has to move meanwhile.
    std::thread program([url = scene.url()] { stepwise::run(Programs::leave(url)); });
    scene.run_until([&] { return !scene.log.empty() && scene.log.back().starts_with("close"); });
    program.join();
    CHECK(scene.log == Log{"open", "last words", "close 1000 "});
}

TEST_CASE("what opens no connection is told with its URL") {
    Scene scene;
    const SilentPort silent;
    const std::string nobody = "127.0.0.1:" + std::to_string(silent.number);
    auto failure = [&](const std::string& of) { return scene.run(failure_of(of, {})); };
    CHECK(failure(scene.url("/plain")) ==
          scene.url("/plain") + ": the server answered 200 instead of 101 Switching Protocols");
    CHECK(failure(scene.url("/nowhere")) ==
          scene.url("/nowhere") + ": the server answered 404 instead of 101 Switching Protocols");
    CHECK(failure("ws://" + nobody + "/") == "cannot connect to " + nobody + ": Connection refused");
    CHECK_THROWS_WITH_AS(static_cast<void>(ws::connect("http://127.0.0.1/")),
                         "ws::connect: http://127.0.0.1/ is no ws:// or wss:// URL", std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(ws::connect("ws://")), std::invalid_argument);
}

TEST_CASE("abort ends the connection at once, without a Close frame") {
    Scene scene;
    ClientConnection connection = scene.open();
    connection->abort();
    CHECK(scene.run(next(*connection)) == "closed 1006 ");
    scene.run_until_gone();
    CHECK(scene.log == Log{"open", "close 1006 "});
}
