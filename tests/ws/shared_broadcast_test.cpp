#include <stepwise/tests/ws/support.hpp>

#include <stepwise/ws/shared_broadcast.hpp>
#include <stepwise/ws/topics.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace ws_test;
using ws::MessageView;
using ws::SharedBroadcast;
using ws::WebSocketHandler;

namespace {

class Member : public WebSocketHandler {
public:
    Member(SharedBroadcast& everybody, Log& log, ws::Connection*& newest)
        : everybody_(everybody), log_(log), newest_(newest) {}
    void open() {
        everybody_.add(connection());
        newest_ = &connection();
    }
    void on_message(MessageView message) {
        if (message.data == "others") {
            everybody_.send(message.data, &connection());
        } else if (message.is_text) {
            everybody_.send(message.data);
        } else {
            everybody_.send_binary(message.data);
        }
    }
    void on_close() {
        CHECK(everybody_.remove(connection()));
        CHECK_FALSE(everybody_.remove(connection()));
        log_.push_back("left " + code_text(close_code()));
    }

private:
    SharedBroadcast& everybody_;
    Log& log_;
    ws::Connection*& newest_;
};

// One loop of several: all on the test's thread, so that the test says when each has its turns.
struct Scene : WsServed {
    explicit Scene(SharedBroadcast& everybody) {
        http::Router router;
        ws::ConnectionOptions options;
        options.ping_interval_seconds = 0;
        router.get("/", ws::handler<Member>(options, std::ref(everybody), std::ref(log), std::ref(newest)));
        serve(std::move(router));
    }
    ~Scene() { server.reset(); }

    ws::Connection* newest = nullptr;
};

}  // namespace

TEST_CASE("members of all loops get every message once, in one order, the sender too unless it is left out") {
    SharedBroadcast everybody;
    Scene here(everybody);
    Scene there(everybody);
    Peer first = here.open();
    Peer second = here.open();
    Peer third = there.open();
    CHECK(everybody.size() == 3);
    first.send(text_frame("one"));
    here.settle();
    third.send(text_frame("two"));  // its own loop comes to "one" first
    there.settle();
    first.send(text_frame("others"));
    here.settle();
    std::string large = pattern(70'000);
    second.send(client_frame(Opcode::binary, large));
    here.settle();
    for (Peer* peer : {&first, &second, &third}) {
        CHECK(read_frame(*peer) == "text:one");
        CHECK(read_frame(*peer) == "text:two");
        if (peer != &first) CHECK(read_frame(*peer) == "text:others");
        CHECK(read_frame(*peer) == "binary:" + large);
    }
}

TEST_CASE("a newcomer gets nothing of what was sent before it came") {
    SharedBroadcast everybody;
    Scene here(everybody);
    Scene there(everybody);
    Peer member = there.open();
    Peer newcomer = there.connect();
    newcomer.send(handshake());
    there.run_until([&] { return there.server->connection_count() == 2; });
    everybody.send("before");  // waits for the loop, whose next turns make the newcomer a member
    CHECK(newcomer.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    there.run_until([&] { return everybody.size() == 2; });
    everybody.send("after");
    CHECK(read_frame(member) == "text:before");
    CHECK(read_frame(member) == "text:after");
    CHECK(read_frame(newcomer) == "text:after");
}

TEST_CASE("any thread may send, and no other thread than its own makes a connection a member") {
    SharedBroadcast everybody;
    Scene here(everybody);
    Scene there(everybody);
    Peer first = here.open();
    Peer second = there.open();
    std::thread([&] {
        for (int number = 0; number < 100; ++number) everybody.send(std::to_string(number));
        CHECK_THROWS_AS(everybody.add(*here.newest), std::logic_error);
    }).join();
    CHECK(everybody.size() == 2);
    for (Peer* peer : {&first, &second}) {
        for (int number = 0; number < 100; ++number) CHECK(read_frame(*peer) == "text:" + std::to_string(number));
    }
}

TEST_CASE("members of a loop that does not come to what waits are closed with 1013, and the others stay") {
    SharedBroadcast everybody(100'000);
    Scene here(everybody);
    Scene stuck(everybody);
    Peer first = here.open();
    Peer second = stuck.open();
    const std::string large(60'000, 'L');
    int count = 0;
    SUBCASE("not while there is room") {
        count = 2;
    }
    SUBCASE("when there was none for one more") {
        count = 3;
    }
    SUBCASE("however much more came") {
        count = 30;
    }
    for (int sent = 0; sent < count; ++sent) {
        everybody.send(large);
        CHECK(read_frame(first) == "text:" + large);
    }
    if (count > 2) {
        CHECK(read_frame(second) == "close:1013 too much waits for its loop");
        second.send(close_frame(1013));
        stuck.run_until([&] { return everybody.size() == 1; });
        CHECK(stuck.log == Log{"left 1013"});
    } else {
        for (int sent = 0; sent < count; ++sent) CHECK(read_frame(second) == "text:" + large);
    }
    everybody.send("still here");
    CHECK(read_frame(first) == "text:still here");
}

TEST_CASE("messages of no bytes that wait for a loop are bounded, too") {
    SharedBroadcast everybody(100'000);
    Scene stuck(everybody);
    Peer peer = stuck.open();
    for (int count = 0; count < 10'000; ++count) everybody.send("");
    CHECK(read_frame(peer) == "close:1013 too much waits for its loop");
}

TEST_CASE("one message may be larger than what may wait") {
    SharedBroadcast everybody(1000);
    Scene scene(everybody);
    Peer peer = scene.open();
    everybody.send(std::string(5000, 'L'));
    CHECK(read_frame(peer) == "text:" + std::string(5000, 'L'));
}

TEST_CASE("a loop without members may end, also with a message on its way") {
    SharedBroadcast everybody;
    Scene here(everybody);
    Peer first = here.open();
    {
        Scene there(everybody);
        Peer second = there.open();
        second.send(close_frame(1000));
        there.run_until([&] { return everybody.size() == 1; });
        Peer third = there.open();
        everybody.send("both");
        there.server.reset();
        there.end_loop();
        CHECK(everybody.size() == 1);
    }
    everybody.send("one");
    CHECK(read_frame(first) == "text:both");
    CHECK(read_frame(first) == "text:one");
}

TEST_CASE("clients come and go on two loops while a thread sends, and each hears what follows each other") {
    SharedBroadcast everybody;
    Scene here(everybody);
    Scene there(everybody);
    std::atomic<bool> over = false;
    std::thread pushing([&] {
        for (int number = 0; !over; ++number) {
            everybody.send(std::to_string(number));
            std::this_thread::yield();
        }
    });
    for (int round = 0; round < 40; ++round) {
        Scene& scene = round % 2 == 0 ? here : there;
        Peer peer = scene.open();
        int first = std::stoi(read_frame(peer).substr(5));
        for (int next = first + 1; next < first + 5; ++next) CHECK(read_frame(peer) == "text:" + std::to_string(next));
        if (round % 4 < 2) peer.reset();  // others leave by being gone when the next one comes
    }
    over = true;
    pushing.join();
    for (Scene* scene : {&here, &there}) scene->run_until_gone();
    CHECK(everybody.size() == 0);
}

// ---- topics

namespace {

class Subscriber : public WebSocketHandler {
public:
    explicit Subscriber(ws::Topics& topics) : topics_(topics) {}
    void open() {
        static_cast<void>(topics_.subscribe(connection(), "news"));
        static_cast<void>(topics_.subscribe(connection(), std::string(request().path()).substr(1)));
    }
    void on_message(MessageView message) { topics_.publish("news", message.data); }

private:
    ws::Topics& topics_;
};

struct Loop : WsServed {
    explicit Loop(ws::Topics& topics) {
        http::Router router;
        ws::ConnectionOptions options;
        options.ping_interval_seconds = 0;
        router.fallback(ws::handler<Subscriber>(options, std::ref(topics)));
        serve(std::move(router));
    }
    ~Loop() { server.reset(); }
};

}  // namespace

TEST_CASE("a topic's subscribers are on any loop, and hear what any thread publishes") {
    ws::Topics topics;
    Loop here(topics);
    Loop there(topics);
    Peer first = here.open("/sport");
    Peer second = there.open("/sport");
    Peer third = there.open("/weather");
    CHECK(topics.subscribers("news") == 3);
    std::thread([&] { CHECK(topics.publish("news", "to all") == 3); }).join();
    for (Loop* loop : {&here, &there}) loop->settle();
    std::thread([&] { CHECK(topics.publish("sport", "one to nil") == 2); }).join();
    for (Loop* loop : {&here, &there}) loop->settle();
    second.send(text_frame("from there"));
    there.settle();
    for (Peer* peer : {&first, &second, &third}) {
        CHECK(read_frame(*peer) == "text:to all");
        if (peer != &third) CHECK(read_frame(*peer) == "text:one to nil");
        CHECK(read_frame(*peer) == "text:from there");
    }
    second.reset();
    there.run_until([&] { return topics.subscribers("news") == 2; });
    CHECK(topics.publish("sport", "two to nil") == 1);
    CHECK(read_frame(first) == "text:two to nil");
    there.server.reset();
    CHECK(topics.size() == 2);
}

TEST_CASE("subscriptions end with their connections also where the loop ends on another thread than it ran on") {
    ws::Topics topics;
    std::optional<Loop> loop;
    std::optional<Peer> peer;
    std::thread([&] {
        loop.emplace(topics);
        peer.emplace(loop->open("/sport"));
    }).join();
    CHECK(topics.subscribers("sport") == 1);
    loop.reset();
    CHECK(topics.size() == 0);
    CHECK(topics.publish("news", "to nobody") == 0);
}

TEST_CASE("subscribers come and go on two threads while another publishes, and topics with them") {
    ws::Topics topics;
    std::atomic<bool> over = false;
    std::thread publishing([&] {
        for (int number = 0; !over; ++number) {
            topics.publish("news", std::to_string(number));
            topics.publish("sport", "a goal");
            std::this_thread::yield();
        }
    });
    const auto come_and_go = [&topics] {
        Loop loop(topics);
        for (int round = 0; round < 20; ++round) {
            Peer peer = loop.open("/elsewhere");
            const int first = std::stoi(read_frame(peer).substr(5));
            for (int next = first + 1; next < first + 5; ++next) {
                CHECK(read_frame(peer) == "text:" + std::to_string(next));
            }
            round % 2 == 0 ? peer.reset() : peer.close();
            loop.run_until_gone();
        }
    };
    std::thread elsewhere(come_and_go);
    come_and_go();
    elsewhere.join();
    over = true;
    publishing.join();
    CHECK(topics.size() == 0);
}
