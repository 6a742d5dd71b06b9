// HTTP and WebSocket through TLS: server, fetch and ws::connect as they are, with certificates.
#include <stepwise/tests/net/fetch_support.hpp>
#include <stepwise/tests/net/tls_support.hpp>
#include <stepwise/tests/ws/support.hpp>

#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;
using tls::Failure;

namespace {

Coro<void> echo_messages(ws::Connection& connection) {
    while (auto message = co_await connection.receive()) co_await connection.send(message->data());
}

// Begins when the gate opens. The last one tells how the connection was closed.
Coro<void> receive_late(Gate& gate, std::vector<std::string>& log, ws::Connection& connection) {
    Future<void> opened = gate.arrive();
    co_await opened;
    while (auto message = co_await connection.receive()) log.emplace_back(message->data());
    log.push_back(ws_test::code_text(connection.close_code()));
}

// As a handler, whose first message waits for the gate.
class Late : public ws::WebSocketHandler {
public:
    Late(Gate& gate, std::vector<std::string>& log) : gate_(gate), log_(log) {}
    Coro<void> on_message(ws::Message message) {
        if (log_.empty()) {
            Future<void> opened = gate_.arrive();
            co_await opened;
        }
        log_.emplace_back(message.data());
    }
    void on_close() { log_.push_back(ws_test::code_text(close_code())); }

private:
    Gate& gate_;
    std::vector<std::string>& log_;
};

// What a server of static files does with one.
struct FileOnDisk {
    ~FileOnDisk() { calls::unlink(path.c_str()); }
    Coro<> send(const Request&, http::ResponseWriter& out) {
        File file = co_await File::open(path);
        out.set_content_length(size);
        co_await out.write_file(file, 0, size);
    }

    std::string path = "/tmp/stepwise_https_" + std::to_string(::getpid());
    std::uint64_t size = 0;
};

struct Scene : Served {
    explicit Scene(http::ServerOptions options = {}) : gate(*this) {
        Router router;
        router.get("/", [](const Request&) { return Response::text("hello"); });
        router.get("/scheme", [](const Request& request) { return Response::text(std::string(request.scheme())); });
        router.get("/large", [](const Request&) { return Response::text(pattern(large_bytes)); });
        router.post("/size",
                    [](const Request& request) { return Response::text(std::to_string(request.body().size())); });
        router.get("/slow", [this](const Request& request) { return answer_after(gate, request); });
        router.get("/file",
                   [this](const Request& request, http::ResponseWriter& out) { return file.send(request, out); });
        router.get("/ws", ws::coroutine(echo_messages));
        router.get("/ws/late", ws::coroutine([this](ws::Connection& c) { return receive_late(gate, log, c); }));
        router.get("/ws/handler", ws::handler<Late>(ws::ConnectionOptions(), std::ref(gate), std::ref(log)));
        options.tls = server_context();
        options.parser.body_bytes_max = 2 * large_bytes;
        serve(std::move(router), options);
    }

    std::string url(std::string_view path = "/", std::string_view scheme = "https") const {
        return std::string(scheme) + "://localhost:" + std::to_string(address.port()) + std::string(path);
    }
    FetchRequest request(std::string_view path = "/") const {
        FetchRequest request(url(path));
        request.tls = client_context();
        return request;
    }
    FetchResponse fetched(FetchRequest request) { return run(fetch(std::move(request))); }
    // Established.
    std::unique_ptr<TlsPeer> secure_client() {
        auto client = std::make_unique<TlsPeer>(*this, connect());
        client->shake_hands();
        return client;
    }

    static constexpr std::size_t large_bytes = 3 * 1024 * 1024;
    Gate gate;
    std::vector<std::string> log;
    FileOnDisk file;
};

std::string answered(TlsPeer& client, std::size_t bytes) {
    const std::string answer = client.read(bytes);
    return answer.substr(answer.find("\r\n\r\n") + 4);
}

std::size_t size_of_hello(TlsPeer& client) {
    client.send(get("/"));
    std::string head;
    while (!head.ends_with("\r\n\r\nhello")) {
        const std::string byte = client.read(1);
        if (byte.empty()) break;
        head += byte;
    }
    return head.size();
}

}  // namespace

TEST_CASE("a client uses a connection of TLS again, but not for who trusts somebody else") {
    Scene scene;
    http::Client client(scene.loop());
    const std::shared_ptr<const tls::Context> trusted = client_context();
    const std::shared_ptr<const tls::Context> other = authority().client();
    for (int round = 0; round < 4; ++round) {
        FetchRequest request = scene.request();
        request.tls = round < 3 ? trusted : other;
        CHECK(scene.run(client.fetch(std::move(request))).body == "hello");
        scene.settle();
        CHECK(scene.server->connection_count() == (round < 3 ? 1U : 2U));
    }
}

TEST_CASE("https is fetched as http is") {
    Scene scene;
    FetchResponse response = scene.fetched(scene.request());
    CHECK(text_of(response) == "");
    CHECK(response.status == 200);
    CHECK(response.body == "hello");
    CHECK(scene.fetched(scene.request("/scheme")).body == "https");
    CHECK(scene.fetched(scene.request("/large")).body == pattern(Scene::large_bytes));
    FetchRequest post = scene.request("/size");
    post.method = "POST";
    post.body = pattern(Scene::large_bytes);
    CHECK(scene.fetched(std::move(post)).body == std::to_string(Scene::large_bytes));
}

TEST_CASE("a file goes through TLS piece by piece, whole") {
    Scene scene;
    scene.file.size = Scene::large_bytes;
    scene.run(write_file(scene.file.path, pattern(Scene::large_bytes)));
    CHECK(scene.fetched(scene.request("/file")).body == pattern(Scene::large_bytes));
    scene.file.size += 1;
    const FetchResponse cut = scene.fetched(scene.request("/file"));
    REQUIRE(cut.error);
    CHECK(cut.error->kind == Kind::connection_lost);
    CHECK(scene.lost.size() == 1);
}

TEST_CASE("a fetch tells a server that is not trusted by kind, reason and URL") {
    Scene scene;
    FetchRequest by_machine(scene.url());  // whose authorities know nothing of ours
    const FetchResponse unknown = scene.fetched(std::move(by_machine));
    REQUIRE(unknown.error);
    CHECK(unknown.error->kind == Kind::tls);
    CHECK(unknown.error->message == "GET " + scene.url() +
                                        ": TLS with localhost (unable to get local issuer certificate): no trusted "
                                        "authority vouches for the certificate");
    scene.server->set_tls(authority().server({.names = "DNS:example.com"}));
    const FetchResponse wrong = scene.fetched(scene.request());
    REQUIRE(wrong.error);
    CHECK(wrong.error->kind == Kind::tls);
    CHECK(wrong.error->message.ends_with("(hostname mismatch): the certificate is not for this host"));
    FetchRequest careless = scene.request();
    careless.tls = tls::Context::for_client({.insecure_skip_verification = true});
    CHECK(scene.fetched(std::move(careless)).body == "hello");
}

TEST_CASE("http on a port of https, and https on a port of http, are errors that say so") {
    Scene scene;
    FetchRequest plain("http://127.0.0.1:" + std::to_string(scene.address.port()) + "/");
    const FetchResponse response = scene.fetched(std::move(plain));
    REQUIRE(response.error);
    CHECK((response.error->kind == Kind::bad_response || response.error->kind == Kind::connection_lost));
    Served other(Router{});
    FetchRequest secure("https://127.0.0.1:" + std::to_string(other.address.port()) + "/");
    const FetchResponse refused = other.run(fetch(std::move(secure)));
    REQUIRE(refused.error);
    CHECK(refused.error->kind == Kind::tls);
    CHECK(refused.error->message.ends_with("TLS with 127.0.0.1 (wrong version number): the peer does not speak TLS"));
}

TEST_CASE("a handshake that takes too long is a fetch's timeout") {
    Scripted scene;
    FetchRequest request("https://127.0.0.1:" + std::to_string(scene.address.port()) + "/");
    request.total_timeout = Duration::max();
    SUBCASE("connect_timeout") {
        request.connect_timeout = std::chrono::seconds(3);
    }
    SUBCASE("handshake_timeout") {
        request.connect_timeout = Duration::max();
    }
    const bool by_connect = request.connect_timeout != Duration::max();
    Task<FetchResponse> fetching = scene.start(std::move(request));
    Peer silent = scene.accept();
    scene.pass(11s);
    const FetchResponse response = scene.finish(fetching);
    REQUIRE(response.error);
    CHECK(response.error->kind == Kind::timeout);
    const std::string_view reason =
        by_connect ? "no connection within connect_timeout (3 s)" : "no handshake within handshake_timeout";
    CHECK(response.error->message.ends_with(reason));
}

TEST_CASE("a body that ends with the connection must end by close_notify") {
    Scripted scene;
    FetchRequest request("https://localhost:" + std::to_string(scene.address.port()) + "/");
    request.tls = client_context();
    Task<FetchResponse> fetching = scene.start(std::move(request));
    TlsPeer server(scene, scene.accept(), server_context(), "");
    server.shake_hands();
    server.send("HTTP/1.1 200 OK\r\n\r\nthe first half");
    SUBCASE("it does") {
        server.close();
        CHECK(scene.finish(fetching).body == "the first half");
    }
    SUBCASE("it was cut") {
        server.wire.end_writing();
        const FetchResponse response = scene.finish(fetching);
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::connection_lost);
        CHECK(response.error->message.ends_with("without close_notify: what came may lack its end"));
    }
}

TEST_CASE("a connection is kept, and its requests may come at once, cut anywhere") {
    Scene scene;
    const std::unique_ptr<TlsPeer> client = scene.secure_client();
    const std::size_t bytes = size_of_hello(*client);
    const std::string three = get("/") + get("/slow") + get("/");
    client->session->write(three.substr(0, 20));
    client->session->write(three.substr(20));
    for (const char byte : std::exchange(client->unsent, {})) {
        client->wire.send({&byte, 1});
        scene.turns(1);
    }
    CHECK(answered(*client, bytes) == "hello");
    scene.run_until([&] { return scene.gate.arrived == 1; });
    scene.gate.open();
    scene.run_until([&] { return scene.gate.passed == 1; });
    client->send(get("/", "Connection: close\r\n"));
    const std::string rest = client->read_to_end();
    CHECK(rest.find("after /slow by 127.0.0.1") != std::string::npos);
    CHECK(rest.ends_with("\r\n\r\nhello"));
    CHECK(client->session->has_ended());
}

TEST_CASE("new certificates are for new connections; those that exist keep theirs") {
    Scene scene;
    static Authority successor("successor");
    const std::unique_ptr<TlsPeer> before = scene.secure_client();
    scene.server->set_tls(successor.server());
    CHECK(size_of_hello(*before) > 0);
    FetchResponse refused = scene.fetched(scene.request());
    REQUIRE(refused.error);
    CHECK(refused.error->kind == Kind::tls);
    FetchRequest trusting = scene.request();
    trusting.tls = successor.client();
    CHECK(scene.fetched(std::move(trusting)).body == "hello");
    CHECK(size_of_hello(*before) > 0);
    CHECK_THROWS_AS(scene.server->set_tls(nullptr), std::logic_error);
}

TEST_CASE("what a server has no room for is told so through TLS, too") {
    http::ServerOptions options;
    options.connections_max = 1;
    Scene scene(options);
    const std::unique_ptr<TlsPeer> first = scene.secure_client();
    CHECK(size_of_hello(*first) > 0);
    const std::unique_ptr<TlsPeer> second = scene.secure_client();
    CHECK(second->read_to_end().starts_with("HTTP/1.1 503"));
}

TEST_CASE("clients of every kind of failure leave nothing behind") {
    Scene scene;
    {
        Peer silent = scene.connect();
        Peer garbage = scene.connect();
        garbage.send(pattern(3000));
        Peer cut = scene.connect();
        cut.send("\x16\x03\x01");
        scene.settle();
    }
    Peer late = scene.connect();
    scene.run_until([&] { return scene.server->connection_count() == 1; });
    scene.pass(12s);
    CHECK(late.is_ended_now());
    CHECK(scene.server->connection_count() == 0);
    CHECK(scene.fetched(scene.request()).body == "hello");
    CHECK(scene.lost.empty());
}

TEST_CASE("a shutdown ends connections through TLS in order") {
    Scene scene;
    const std::unique_ptr<TlsPeer> idle = scene.secure_client();
    CHECK(size_of_hello(*idle) > 0);
    Peer in_handshake = scene.connect_accepted();
    Task<void> ending = scene.start_shutdown(5s);
    CHECK(idle->read_to_end() == "");
    CHECK(idle->session->has_ended());
    scene.run_until([&] { return ending.done(); });
    CHECK(scene.server->connection_count() == 0);
}

TEST_CASE("WebSockets go through wss, from handshake to close") {
    Scene scene;
    auto talk = [](std::string url, TlsContext trusted) -> Coro<std::string> {
        ws::ConnectOptions options;
        options.tls = std::move(trusted);
        ws::ClientConnection connection = co_await ws::connect(url, options);
        const std::string large = pattern(300'000);
        std::string text;
        for (const char byte : large) text += static_cast<char>('a' + (static_cast<unsigned char>(byte) % 26));
        co_await connection->send("hello");
        co_await connection->send(text);
        std::string got;
        auto first = co_await connection->receive();
        if (first) got = first->data();
        auto second = co_await connection->receive();
        const bool is_whole = second && second->data() == text;
        connection->close();
        co_await connection->wait_closed();
        co_return got + (is_whole ? " and all of it" : "");
    };
    CHECK(scene.run(talk(scene.url("/ws", "wss"), client_context())) == "hello and all of it");
    try {
        scene.run(talk(scene.url("/ws", "wss"), nullptr));
        FAIL("it trusted anybody");
    } catch (const ws::HandshakeError& error) {
        CHECK(std::string(error.what()).ends_with("no trusted authority vouches for the certificate"));
    }
}

TEST_CASE("a peer by wss whose kernel takes the ping, and who does not answer it, is not taken for alive") {
    Scene scene;
    auto client = scene.secure_client();
    client->send(
        "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    CHECK(client->read(12) == "HTTP/1.1 101");
    scene.pass(30s);
    CHECK(scene.server->connection_count() == 1);
    scene.pass(20s);
    CHECK(scene.server->connection_count() == 0);
}

TEST_CASE("messages that wait, and the Close behind them, are not lost where the peer has ended its TLS meanwhile") {
    for (const char* path : {"/ws/late", "/ws/handler"}) {
        for (const bool has_close : {true, false}) {
            CAPTURE(path);
            CAPTURE(has_close);
            Scene scene;
            auto client = scene.secure_client();
            client->send(ws_test::handshake(path));
            CHECK(client->read(12) == "HTTP/1.1 101");
            std::string bytes;
            std::vector<std::string> expected;
            for (int number = 0; number < 200; ++number) {
                expected.push_back(std::to_string(number));
                bytes += ws_test::text_frame(expected.back());
            }
            if (has_close) bytes += ws_test::close_frame(1000);
            expected.push_back(has_close ? "1000" : "1006");
            client->session->write(bytes);
            client->close();  // all in one read
            scene.settle();
            CHECK(scene.gate.arrived == 1);
            CHECK(scene.server->connection_count() == 1);
            scene.gate.open();
            scene.run_until([&] { return scene.server->connection_count() == 0; });
            CHECK(scene.log == expected);
        }
    }
}
