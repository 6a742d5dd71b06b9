// What a request and a message cost once warm: no allocation; and what a group of connections is where memory runs out.
// Counted, and failed, by this program's own operator new; a sanitizer brings its own, and turns the frame pool off.
#include <stepwise/tests/allocations.hpp>
#include <stepwise/tests/ws/support.hpp>
#include <stepwise/ws/broadcast.hpp>
#include <stepwise/ws/shared_broadcast.hpp>
#include <stepwise/ws/topics.hpp>

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

namespace {

// Calls `grow` with its first allocation failing, with its second … and at last with enough. How many it needs.
template <class Grow, class Check>
int fail_at_each(Grow grow, Check check) {
    for (int at = 1;; ++at) {
        failing_allocation = allocations + at;
        bool failed = false;
        try {
            grow();
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        failing_allocation = 0;
        check(failed);
        if (!failed) return at - 1;
    }
}

class Kept : public ws::WebSocketHandler {
public:
    explicit Kept(std::vector<Connection*>& all) : all_(all) {}
    void open() { all_.push_back(&connection()); }
    void on_message(MessageView) {}

private:
    std::vector<Connection*>& all_;
};

struct Members : WsServed {
    Members() {
        http::Router router;
        router.get("/", ws::handler<Kept>(ws::ConnectionOptions(), std::ref(connections)));
        serve(std::move(router));
    }
    ~Members() { server.reset(); }

    std::vector<Connection*> connections;
};

}  // namespace

TEST_CASE("a group over several loops that finds no memory for a newcomer has nobody of it, nor its loop") {
    ws::SharedBroadcast everybody;
    Members scene;
    Peer peer = scene.open();
    Connection& connection = *scene.connections.front();
    const int needed = fail_at_each([&] { everybody.add(connection); },
                                    [&](bool failed) {
                                        CHECK(everybody.size() == (failed ? 0 : 1));
                                        CHECK(everybody.send("now") == everybody.size());
                                    });
    CHECK(needed >= 2);
    CHECK(read_frame(peer) == "text:now");
    CHECK(everybody.remove(connection));

    // Again, and without a second try: nothing is held for a loop that nobody came from.
    ws::SharedBroadcast others;
    for (int at = 1; at <= needed; ++at) {
        failing_allocation = allocations + at;
        CHECK_THROWS_AS(others.add(connection), std::bad_alloc);
        failing_allocation = 0;
    }
    others.send("warm");
    const long before = allocations;
    for (int count = 0; count < 10; ++count) others.send("to nobody");
    CHECK(allocations == before);
}

TEST_CASE("a topic that finds no memory for a newcomer is as if nobody had asked") {
    ws::Topics topics;
    Members scene;
    Peer peer = scene.open();
    Connection& connection = *scene.connections.front();
    const int needed = fail_at_each([&] { static_cast<void>(topics.subscribe(connection, "a topic of a long name")); },
                                    [&](bool failed) {
                                        CHECK(topics.size() == (failed ? 0 : 1));
                                        CHECK(topics.publish("a topic of a long name", "now") == topics.size());
                                    });
    CHECK(needed >= 5);
    CHECK(read_frame(peer) == "text:now");
    CHECK(topics.unsubscribe(connection, "a topic of a long name"));
    CHECK(topics.size() == 0);
}

TEST_CASE("memory that runs out while a message goes to many costs one of them this message, and repeats none") {
    ws::SharedBroadcast everybody;
    Members scene;
    std::vector<Peer> peers;
    for (int index = 0; index < 3; ++index) peers.push_back(scene.open());
    for (Connection* connection : scene.connections) everybody.add(*connection);
    const std::string text(100'000, 't');
    int number = 0;
    const auto send = [&] {
        frame_pool::trim();  // or its blocks are enough
        everybody.send(std::to_string(number++) + text);
    };
    scene.loop().call_soon([&] {
        CHECK(fail_at_each(send, [](bool) {}) >= 4);  // the frame, and each member's place for it
        everybody.send("last");
    });
    for (Peer& peer : peers) {
        int before = -1;
        for (std::string frame = read_frame(peer); frame != "text:last"; frame = read_frame(peer)) {
            REQUIRE(frame.starts_with("text:"));
            const int next = std::stoi(frame.substr(5));
            CHECK(next > before);
            before = next;
        }
        CHECK(before == number - 1);
    }
    for (Connection* connection : scene.connections) CHECK(everybody.remove(*connection));
}

#else

TEST_CASE("a request and a message cost no allocation once warm") {
    std::puts("SKIPPED no allocation once warm: a sanitizer counts memory itself, and the frame pool is off");
}

#endif
