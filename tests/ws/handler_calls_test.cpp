// What a handler reads of the request that opened its connection, and calls beside plain messages.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stepwise/tests/captured_stderr.hpp>
#include <stepwise/tests/ws/support.hpp>

#include <stepwise/net/http/cookies.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace ws_test;
using nlohmann::json;
using ws::MessageView;
using ws::WebSocketHandler;

namespace {

// Who has no cookie of a session is given one by an answer that opens nothing.
class Session : public WebSocketHandler {
public:
    std::optional<http::Response> prepare(const http::Request& request) {
        if (http::find_cookie(request.headers(), "session")) return std::nullopt;
        http::Response response = http::Response::error(401, "ask again, with the cookie");
        http::set_cookie(response.headers, http::Cookie("session", "new"));
        return response;
    }
    void open() {
        const std::string session(*http::find_cookie(request().headers(), "session"));
        write_message(json{{"session", session}, {"room", request().argument("room").value_or("none")}});
    }
    void on_message(MessageView message) { write_message(json::parse(message.data)); }
};

class Nodelay : public WebSocketHandler {
public:
    void on_message(std::string_view text) {
        set_nodelay(text == "on");
        write_message(text);
    }
};

struct Scene : WsServed {
    Scene() {
        http::Router router;
        router.get("/session", ws::handler<Session>({}));
        router.get("/nodelay", ws::handler<Nodelay>({}));
        serve(std::move(router));
    }
    ~Scene() { server.reset(); }
};

// Of this process's sockets, the one whose other end is `client`.
int server_end_of(const Peer& client) {
    const std::string wanted = net::Address::of_local_end(client.fd()).to_string();
    for (int fd = 0; fd < 1024; ++fd) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        auto* peer = reinterpret_cast<sockaddr*>(&address);
        if (calls::getpeername(fd, peer, &size) != 0 || address.ss_family != AF_INET) continue;
        if (net::Address::from_socket_address(peer, size).to_string() == wanted) return fd;
    }
    return -1;
}

bool has_nodelay(int fd) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(calls::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0);
    return value != 0;
}

// What goes to stderr meanwhile.

}  // namespace

TEST_CASE("a JSON value is written as a text message, and is the same when it comes back") {
    Scene scene;
    Peer client = scene.connect();
    client.send(handshake("/session", "Cookie: session=a\r\n"));
    REQUIRE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    CHECK(read_frame(client) == R"(text:{"room":"none","session":"a"})");
    const json value = {{"text", "grüß dich\n\"🎈\""}, {"numbers", {1, -2.5, nullptr}}, {"empty", json::object()}};
    client.send(text_frame(value.dump(4)));
    const std::string answer = read_frame(client);
    REQUIRE(answer.starts_with("text:"));
    CHECK(answer.substr(5) == value.dump());
    CHECK(json::parse(answer.substr(5)) == value);
}

TEST_CASE("open() reads the cookies and the decoded arguments of the request") {
    Scene scene;
    Peer client = scene.connect();
    client.send(handshake("/session?other=1&room=the%20blue+one", "Cookie: theme=dark; session=s-42\r\n"));
    REQUIRE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    CHECK(read_frame(client) == R"(text:{"room":"the blue one","session":"s-42"})");
}

TEST_CASE("a cookie is set by an answer of prepare(), and never by the 101") {
    Scene scene;
    Peer client = scene.connect();
    client.send(handshake("/session"));
    const Answer refused = read_answer(client);
    CHECK(refused.status == 401);
    CHECK(refused.has("Set-Cookie: session=new"));
    client.send(handshake("/session", "Cookie: session=new\r\n"));
    const std::string opened = client.read_until("\r\n\r\n");
    CHECK(opened.starts_with("HTTP/1.1 101 "));
    CHECK(opened.find("Cookie") == std::string::npos);
    CHECK(read_frame(client) == R"(text:{"room":"none","session":"new"})");
}

TEST_CASE("set_nodelay is what the kernel says of the connection's socket") {
    Scene scene;
    Peer client = scene.open("/nodelay");
    const int fd = server_end_of(client);
    REQUIRE(fd >= 0);
    CHECK(has_nodelay(fd));
    for (const std::string word : {"off", "on", "off"}) {
        client.send(text_frame(word));
        CHECK(read_frame(client) == "text:" + word);
        CHECK(has_nodelay(fd) == (word == "on"));
    }
}

TEST_CASE("of a page that is refused a line is told, with its origin and the server's") {
    Scene scene;
    Peer client = scene.connect();
    CapturedStderr told;
    client.send(handshake("/nodelay", "Origin: https://evil.example:8443\r\n"));
    CHECK(read_answer(client).status == 403);
    const std::string line =
        "stepwise: a page of https://evil.example:8443 may not open a WebSocket of test: another origin\n";
    CHECK(told.text() == line);
    client.send(handshake("/nodelay", "Origin: http://test\r\n"));
    CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    CHECK(told.text() == line);
}
