#include <stepwise/tests/ws/support.hpp>

#include <stepwise/tests/left_out.hpp>
#include <stepwise/ws/broadcast.hpp>
#include <stepwise/ws/topics.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace ws_test;
using ws::Broadcast;
using ws::MessageView;
using ws::WebSocketHandler;

namespace {

struct Room {
    Broadcast everybody;
    Log log;
    bool tells_when_one_leaves = false;
};

class Member : public WebSocketHandler {
public:
    explicit Member(Room& room) : room_(room) {}
    void open() { room_.everybody.add(connection()); }
    void on_message(MessageView message) {
        if (message.data == "others") {
            room_.everybody.send(message.data, &connection());
        } else if (message.is_text) {
            room_.everybody.send(message.data);
        } else {
            room_.everybody.send_binary(message.data);
            write_message("behind it");
        }
    }
    void on_close() {
        CHECK(room_.everybody.remove(connection()));
        CHECK_FALSE(room_.everybody.remove(connection()));
        room_.log.push_back("left " + code_text(close_code()));
        if (room_.tells_when_one_leaves) room_.everybody.send(std::string(300'000, 'L'));
    }

private:
    Room& room_;
};

struct Scene : WsServed {
    explicit Scene(std::size_t queued_bytes_max = 8 * 1024 * 1024, int ping_interval_seconds = 0) {
        http::Router router;
        ws::ConnectionOptions options;
        options.ping_interval_seconds = ping_interval_seconds;
        options.queued_bytes_max = queued_bytes_max;
        router.get("/", ws::handler<Member>(options, std::ref(room)));
        serve(std::move(router));
    }
    ~Scene() { server.reset(); }

    Room room;
};

}  // namespace

TEST_CASE("everybody gets every message once and in order, the sender too unless it is left out") {
    Scene scene;
    std::vector<Peer> members;
    for (int count = 0; count < 3; ++count) members.push_back(scene.open());
    CHECK(scene.room.everybody.size() == 3);
    members[0].send(text_frame("one"));
    scene.settle();
    members[1].send(text_frame("others"));
    scene.settle();
    std::string large = pattern(70'000);
    members[2].send(client_frame(Opcode::binary, large));
    for (std::size_t number = 0; number < 3; ++number) {
        CHECK(read_frame(members[number]) == "text:one");
        if (number != 1) CHECK(read_frame(members[number]) == "text:others");
        CHECK(read_frame(members[number]) == "binary:" + large);
        if (number == 2) CHECK(read_frame(members[number]) == "text:behind it");
    }
    members[0].send(close_frame(1000));
    scene.run_until([&] { return scene.room.everybody.size() == 2; });
    members[1].send(text_frame("two left"));
    CHECK(read_frame(members[1]) == "text:two left");
    CHECK(read_frame(members[2]) == "text:two left");
    CHECK(read_frame(members[0]) == "close:1000");
    CHECK(read_frame(members[0]) == "end");
}

TEST_CASE("two hundred members: the one that never reads delays nobody, costs little, and is closed") {
    constexpr std::size_t limit = 200'000;
    Scene scene(limit);
    std::vector<Peer> members;
    for (int count = 0; count < 200; ++count) members.push_back(scene.open("/", count == 0 ? 4096 : 0));
    members[1].send(text_frame("one"));
    for (std::size_t number = 1; number < 200; ++number) REQUIRE(read_frame(members[number]) == "text:one");
    std::string bytes(20'000, 'x');
    int rounds = 0;
    while (scene.room.log.empty() && rounds < 2000) {
        ++rounds;
        scene.room.everybody.send(bytes);
        scene.turns(2);
        for (std::size_t number = 1; number < 200; ++number) REQUIRE(read_frame(members[number]).size() == 20'005);
    }
    CHECK(rounds > 10);
    CHECK(scene.room.log == Log{"left 1013"});
    CHECK(scene.room.everybody.size() == 199);
    scene.room.everybody.send("after");
    for (std::size_t number = 1; number < 200; ++number) REQUIRE(read_frame(members[number]) == "text:after");
    CHECK(members[0].read_to_end().size() > 0);
}

TEST_CASE("a message to all is compressed once, for those who agreed on it, with the smallest of their windows") {
    Scene scene;
    const std::string text = std::string(3000, 'b') + "end";
    std::vector<Peer> peers;
    const auto join = [&](std::string_view fields) -> Peer& {
        Peer peer = scene.connect();
        peer.send(handshake("/", fields));
        REQUIRE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
        return peers.emplace_back(std::move(peer));
    };
    join("");
    join("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    join("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n");
    peers[0].send(text_frame(text));
    CHECK(read_frame(peers[0]) == "text:" + text);
    const std::string packed = peers[1].read(2);
    CHECK(packed[0] == '\xC1');
    const auto size = static_cast<std::size_t>(packed[1]);
    CHECK(size < 60);
    const std::string payload = peers[1].read(size);
    CHECK(peers[2].read(2 + size) == packed + payload);
    ws::MessageCompression receiver(ws::Role::client, {.server_max_window_bits = 9}, {});
    receiver.receive(payload, true);
    std::vector<char> room(4000);
    CHECK(receiver.next_piece(room) == text);
}

TEST_CASE("members that become too slow within one send all leave, and nobody is called from within it") {
    Scene scene(1000);
    std::vector<Peer> members;
    for (int count = 0; count < 10; ++count) members.push_back(scene.open());
    scene.room.tells_when_one_leaves = true;
    scene.loop().call_soon([&] {
        scene.room.everybody.send(std::string(2000, 'x'));
        CHECK(scene.room.log.empty());
        CHECK(scene.room.everybody.size() == 10);
        scene.room.everybody.send("nobody gets this");
    });
    scene.run_until([&] { return scene.room.log.size() == 10; });
    CHECK(scene.room.everybody.size() == 0);
    scene.run_until_gone();
    for (Peer& member : members) CHECK(member.read_to_end() == "");
}

TEST_CASE("a sweep that finds a dead member may end others, whoever comes next") {
    Scene scene(200'000, 5);
    std::vector<Peer> members;
    for (int count = 0; count < 10; ++count) members.push_back(scene.open());
    // What one leaves behind is too much for all the others.
    scene.room.tells_when_one_leaves = true;
    SUBCASE("all are silent") {}
    SUBCASE("some are alive") {
        scene.pass(6s);
        for (std::size_t number = 0; number < 10; number += 3) members[number].send(client_frame(Opcode::pong, ""));
    }
    scene.pass(60s);
    scene.run_until_gone();
    CHECK(scene.room.everybody.size() == 0);
    CHECK(scene.room.log.size() == 10);
}

TEST_CASE("members that leave with their server are told nothing and are gone from the room") {
    Scene scene;
    std::vector<Peer> members;
    for (int count = 0; count < 10; ++count) members.push_back(scene.open());
    scene.room.tells_when_one_leaves = true;
    scene.server.reset();
    CHECK(scene.room.everybody.size() == 0);
    CHECK(scene.room.log.size() == 10);
    scene.settle();
}

TEST_CASE("a thread that pushes through call_soon_threadsafe reaches whoever is there, while clients come and go") {
    if (is_left_out_on_simulator("another thread pushes")) return;
    Scene scene;
    std::atomic<bool> over = false;
    std::thread pushing([&] {
        for (int number = 0; !over; ++number) {
            scene.loop().call_soon_threadsafe([&, number] { scene.room.everybody.send(std::to_string(number)); });
            std::this_thread::yield();
        }
    });
    for (int round = 0; round < 40; ++round) {
        Peer peer = scene.open();
        int first = std::stoi(read_frame(peer).substr(5));
        for (int next = first + 1; next < first + 5; ++next) CHECK(read_frame(peer) == "text:" + std::to_string(next));
    }
    over = true;
    pushing.join();
    scene.run_until_gone();
    CHECK(scene.room.everybody.size() == 0);
}

TEST_CASE("a group that another thread touches says whose it is, and stays as it was") {
    Scene scene;
    Peer member = scene.open();
    std::thread([&] {
        CHECK_THROWS_WITH_AS(scene.room.everybody.send("from outside"),
                             doctest::Contains("ws::Broadcast::send was called from a thread that is not the loop's. "
                                               "Only EventLoop::call_soon_threadsafe may be: let it make this call"),
                             std::logic_error);
        CHECK_THROWS_AS(scene.room.everybody.send_binary("from outside"), std::logic_error);
    }).join();
    scene.room.everybody.send("from inside");
    CHECK(read_frame(member) == "text:from inside");
}

// ---- topics

namespace {

// "+name" subscribes, "-name" unsubscribes, "name:text" publishes to the others, and tells how many they are.
class Reader : public WebSocketHandler {
public:
    Reader(ws::Topics& topics, Log& log) : topics_(topics), log_(log) {}
    void on_message(MessageView message) {
        const std::string_view name = message.data.substr(1);
        if (message.data.starts_with('+')) {
            const auto refused = topics_.subscribe(connection(), name);
            if (refused) close(static_cast<CloseCode>(refused->code), refused->message);
        } else if (message.data.starts_with('-')) {
            write_message(topics_.unsubscribe(connection(), name) ? "off" : "was not on");
        } else {
            const std::size_t colon = message.data.find(':');
            const std::string_view text = message.data.substr(colon + 1);
            write_message(std::to_string(topics_.publish(message.data.substr(0, colon), text, &connection())));
        }
    }
    void on_close() { log_.push_back("closed, of topics then " + std::to_string(topics_.size())); }

private:
    ws::Topics& topics_;
    Log& log_;
};

struct Newsroom : WsServed {
    explicit Newsroom(const ws::TopicsOptions& limits = {}) : topics(limits) {
        http::Router router;
        ws::ConnectionOptions options;
        options.ping_interval_seconds = 0;
        router.get("/", ws::handler<Reader>(options, std::ref(topics), std::ref(log)));
        serve(std::move(router));
    }
    ~Newsroom() { server.reset(); }

    ws::Topics topics;
};

}  // namespace

TEST_CASE("a topic's messages go to its subscribers alone, each once, and how many they are is told") {
    Newsroom room;
    Peer first = room.open();
    Peer second = room.open();
    Peer third = room.open();
    first.send(text_frame("+a") + text_frame("+b") + text_frame("+a"));
    second.send(text_frame("+a"));
    third.send(text_frame("+b"));
    room.settle();
    CHECK(room.topics.size() == 2);
    CHECK(room.topics.subscribers("a") == 2);
    CHECK(room.topics.subscribers("nothing") == 0);
    CHECK(room.topics.publish("a", "to a") == 2);
    room.settle();
    CHECK(room.topics.publish_binary("b", "to b") == 2);
    CHECK(room.topics.publish("nothing", "to nobody") == 0);
    room.settle();
    third.send(text_frame("a:from outside"));
    CHECK(read_frame(first) == "text:to a");
    CHECK(read_frame(first) == "binary:to b");
    CHECK(read_frame(first) == "text:from outside");
    CHECK(read_frame(second) == "text:to a");
    CHECK(read_frame(second) == "text:from outside");
    CHECK(read_frame(third) == "binary:to b");
    CHECK(read_frame(third) == "text:2");
    second.send(text_frame("a:to the other one"));
    CHECK(read_frame(second) == "text:1");
    CHECK(read_frame(first) == "text:to the other one");
}

TEST_CASE("a topic is there while somebody is subscribed, and a subscription ends with its connection") {
    Newsroom room;
    Peer stays = room.open();
    Peer leaves = room.open();
    stays.send(text_frame("+a"));
    leaves.send(text_frame("+a") + text_frame("+b") + text_frame("+c") + text_frame("-b") + text_frame("-b"));
    CHECK(read_frame(leaves) == "text:off");
    CHECK(read_frame(leaves) == "text:was not on");
    CHECK(room.topics.size() == 2);
    SUBCASE("in order") {
        leaves.send(close_frame(1000));
        CHECK(read_frame(leaves) == "close:1000");
    }
    SUBCASE("lost") {
        leaves.reset();
    }
    room.run_until([&] { return !room.log.empty(); });
    CHECK(room.log == Log{"closed, of topics then 1"});
    CHECK(room.topics.publish("a", "still here") == 1);
    CHECK(room.topics.publish("c", "nobody") == 0);
    CHECK(read_frame(stays) == "text:still here");
    room.server.reset();
    CHECK(room.topics.size() == 0);
}

TEST_CASE("how many topics a connection may have, and how long their names are, has a limit that the error names") {
    Newsroom room({.topics_per_connection_max = 3, .name_bytes_max = 5});
    Peer client = room.open();
    for (const char* name : {"+a", "+b", "+c", "+b"}) client.send(text_frame(name));
    SUBCASE("one too many") {
        client.send(text_frame("+d"));
        CHECK(read_frame(client) ==
              "close:1008 too many topics on one connection: 3 at most (TopicsOptions::topics_per_connection_max)");
    }
    SUBCASE("one instead of another") {
        client.send(text_frame("-a") + text_frame("+d"));
        CHECK(read_frame(client) == "text:off");
        room.settle();
        CHECK(room.topics.subscribers("d") == 1);
    }
    SUBCASE("too long a name") {
        client.send(text_frame("+sports"));
        CHECK(read_frame(client) == "close:1008 a topic's name of 6 bytes: 5 at most (TopicsOptions::name_bytes_max)");
    }
}

TEST_CASE("a subscriber that is too slow within one publish leaves later, and the topic with the last of them") {
    WsServed scene;
    ws::Topics topics;
    http::Router router;
    ws::ConnectionOptions options;
    options.queued_bytes_max = 1000;
    router.get("/", ws::handler<Reader>(options, std::ref(topics), std::ref(scene.log)));
    scene.serve(std::move(router));
    std::vector<Peer> readers;
    for (int count = 0; count < 10; ++count) readers.push_back(scene.open());
    for (Peer& reader : readers) reader.send(text_frame("+a"));
    scene.run_until([&] { return topics.subscribers("a") == 10; });
    scene.loop().call_soon([&] {
        CHECK(topics.publish("a", std::string(2000, 'x')) == 10);
        CHECK(topics.subscribers("a") == 10);
    });
    scene.run_until([&] { return scene.log.size() == 10; });
    CHECK(topics.size() == 0);
    scene.server.reset();
}
