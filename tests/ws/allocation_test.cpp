// What a request and a message cost once warm: no allocation. Counted by this program's own operator new; a sanitizer
// brings its own, and turns the frame pool off.
#include <stepwise/tests/allocations.hpp>
#include <stepwise/tests/ws/support.hpp>
#include <stepwise/ws/broadcast.hpp>

#include <doctest/doctest.h>

#include <cstdio>

#if COUNTS_ALLOCATIONS

namespace {

using namespace ws_test;
using http::Request;
using http::Response;
using ws::Connection;
using ws::MessageView;

class Echo : public ws::WebSocketHandler {
public:
    void on_message(MessageView message) { write_message(message.data, !message.is_text); }
};

Coro<void> echo(Connection& connection) {
    while (auto message = co_await connection.receive()) {
        co_await connection.send(message->data());
    }
}

class ToAll : public ws::WebSocketHandler {
public:
    explicit ToAll(ws::Broadcast& everyone) : everyone_(everyone) {}
    void open() { everyone_.add(connection()); }
    void on_message(MessageView message) { everyone_.send(message.data); }
    void on_close() { everyone_.remove(connection()); }

private:
    ws::Broadcast& everyone_;
};

Coro<Response> answer_later(const Request& request) {
    co_return Response(200, request.body().empty() ? "short" : "body", "text/plain");
}

struct Scene : WsServed {
    Scene() {
        http::Router router;
        router.get("/", [](const Request&) { return Response::text("Hello, World!"); });
        router.get("/users/{id}", [](const Request&) { return Response::text("Hello, user!"); });
        router.get("/later", answer_later);
        router.post("/later", answer_later);
        router.post("/body", [](const Request& request) {
            return Response(200, request.body().size() == 3000 ? "all" : "some", "text/plain");
        });
        router.get("/ws", ws::handler<Echo>());
        router.get("/ws_later", ws::coroutine(echo));
        router.get("/ws_all", ws::handler<ToAll>(ws::ConnectionOptions(), std::ref(everyone)));
        serve(std::move(router));
    }

    // Of the second thousand rounds.
    long allocations_of(Peer& client, std::string_view request) {
        long before = 0;
        char answer[16 * 1024];
        for (int round = 0; round < 2000; ++round) {
            if (round == 1000) before = allocations;
            static_cast<void>(calls::send(client.fd(), request.data(), request.size()));
            while (calls::recv(client.fd(), answer, sizeof(answer)) <= 0) loop().run_once(false);
        }
        return allocations - before;
    }

    ws::Broadcast everyone;
};

}  // namespace

TEST_CASE("a request costs no allocation once warm") {
    Scene scene;
    Peer client = scene.connect();
    CHECK(scene.allocations_of(client, get("/")) == 0);
    CHECK(scene.allocations_of(client, get("/users/42", "Accept: */*\r\nUser-Agent: test\r\n")) == 0);
    CHECK(scene.allocations_of(client, post("/body", std::string(3000, 'b'))) == 0);
    CHECK(scene.allocations_of(client, get("/nowhere%20here")) <= 2000);
    CHECK(scene.allocations_of(client, get("/later")) == 0);
    CHECK(scene.allocations_of(client, post("/later", std::string(3000, 'b'))) == 0);
}

TEST_CASE("an echoed message costs no allocation once warm, with either face") {
    Scene scene;
    Peer plain = scene.open("/ws");
    CHECK(scene.allocations_of(plain, text_frame("hello")) == 0);
    CHECK(scene.allocations_of(plain, text_frame(std::string(1500, 'x'))) == 0);
    Peer coroutine = scene.open("/ws_later");
    CHECK(scene.allocations_of(coroutine, text_frame("hello")) == 0);
    CHECK(scene.allocations_of(coroutine, text_frame(std::string(1500, 'x'))) == 0);
    CHECK(scene.allocations_of(coroutine, text_frame("one") + text_frame("two")) == 0);
}

TEST_CASE("messages to all cost one allocation for each 2 KiB of them, however many they are") {
    Scene scene;
    std::vector<Peer> listeners;
    for (int index = 0; index < 10; ++index) listeners.push_back(scene.open("/ws_all"));
    Peer sender = scene.open("/ws_all");
    CHECK(scene.allocations_of(sender, text_frame(std::string(64, 'x'))) <= 1000 * 66 / 2048 + 1);
}

#else

TEST_CASE("a request and a message cost no allocation once warm") {
    std::puts("SKIPPED no allocation once warm: a sanitizer counts memory itself, and the frame pool is off");
}

#endif
