// One connection with an endless supply of messages beside one with a message now and then: how many of the first are
// dealt with between a message of the second and its answer. Counted, not timed.
#include <stepwise/tests/ws/support.hpp>

#include <doctest/doctest.h>

using namespace ws_test;
using ws::Connection;
using ws::MessageView;

namespace {

// Two or three, where the kernel brings bytes over at once.
constexpr int turns_max = 40;

struct Count {
    int greedy = 0;
    int modest = 0;
};

void count(Count& counted, std::string_view data) {
    ++(data == "now and then" ? counted.modest : counted.greedy);
}

class Echo : public ws::WebSocketHandler {
public:
    explicit Echo(Count& counted) : counted_(counted) {}
    void on_message(MessageView message) {
        count(counted_, message.data);
        write_message(message.data);
    }

private:
    Count& counted_;
};

class LaterEcho : public ws::WebSocketHandler {
public:
    explicit LaterEcho(Count& counted) : counted_(counted) {}
    Coro<void> on_message(ws::Message message) {
        count(counted_, message.data());
        co_await connection().send(message.data());
    }

private:
    Count& counted_;
};

Coro<void> echo(Count& counted, Connection& connection) {
    while (auto message = co_await connection.receive()) {
        count(counted, message->data());
        co_await connection.send(message->data());
    }
}

struct Scene : WsServed {
    Scene() {
        http::Router router;
        router.get("/handler", ws::handler<Echo>(ws::ConnectionOptions(), std::ref(counted)));
        router.get("/later", ws::handler<LaterEcho>(ws::ConnectionOptions(), std::ref(counted)));
        router.get("/coroutine", ws::coroutine([this](Connection& c) { return echo(counted, c); }));
        serve(std::move(router));
    }
    ~Scene() { server.reset(); }

    Count counted;
};

// What a client sends that is never out of messages, and reads every answer.
class Greedy {
public:
    explicit Greedy(Peer peer) : peer_(std::move(peer)) {
        for (int number = 0; number < 1000; ++number) some_ += text_frame("again");
    }
    void go_on() {
        while (!peer_.read_now().empty()) {
        }
        for (std::size_t sent = 1; sent != 0;) {
            sent = peer_.try_send(std::string_view(some_).substr(at_));
            at_ = (at_ + sent) % some_.size();
        }
    }

private:
    Peer peer_;
    std::string some_;
    std::size_t at_ = 0;
};

}  // namespace

TEST_CASE("a connection with endless messages holds nobody up: between another's message and its answer are few") {
    // Of one connection: a read, which is several on io_uring.
    constexpr int messages_in_a_turn_max = 256 * 1024 / 11;
    for (const char* path : {"/handler", "/later", "/coroutine"}) {
        CAPTURE(path);
        Scene scene;
        Greedy greedy(scene.open(path));
        Peer modest = scene.open(path);
        const auto turn = [&] {
            greedy.go_on();
            scene.turns(1);
        };
        while (scene.counted.greedy < 20'000) turn();
        for (int round = 1; round <= 20; ++round) {
            const int before = scene.counted.greedy;
            modest.send(text_frame("now and then"));
            int turns = 0;
            std::string answer;
            while (answer.empty() && turns < 1000) {
                turn();
                ++turns;
                answer = modest.read_now();
            }
            CHECK(answer == "\x81\x0cnow and then");
            CHECK(turns <= turns_max);
            CHECK(scene.counted.modest == round);
            CHECK(scene.counted.greedy - before <= turns * messages_in_a_turn_max);
            for (int between = 0; between < round % 3; ++between) turn();
        }
        CHECK(scene.counted.greedy > 20'000 + 20 * 100);
    }
}

TEST_CASE("megabytes that wait for one reader do not hold the small message for another") {
    WsServed scene;
    struct Programs {
        static Coro<void> sends(Connection& connection) {
            while (auto message = co_await connection.receive()) {
                const std::size_t bytes = std::stoul(std::string(message->data()));
                connection.write_message(std::string(bytes, 'x'), true);
            }
        }
    };
    ws::ConnectionOptions options;
    options.ping_interval_seconds = 0;
    options.queued_bytes_max = 64 * 1024 * 1024;
    scene.serve_coroutine(options, [](Connection& c) { return Programs::sends(c); });
    Peer greedy = scene.open();
    Peer modest = scene.open();
    const std::size_t backlog = 32 * 1024 * 1024;
    greedy.send(text_frame(std::to_string(backlog)));
    std::size_t read = greedy.read(1).size();
    for (int round = 0; round < 20; ++round) {
        modest.send(text_frame("3"));
        int turns = 0;
        std::string answer;
        while (answer.empty() && turns < 1000) {
            read += greedy.read_now().size();  // it takes what it can, and there is always more
            scene.turns(1);
            ++turns;
            answer = modest.read_now();
        }
        CHECK(answer == "\x82\x03xxx");
        CHECK(turns <= turns_max);
    }
    CHECK(read < backlog);
    CHECK(greedy.read(backlog + 10 - read).size() == backlog + 10 - read);
}
