#include <stepwise/tests/ws/support.hpp>

#include <stepwise/runtime/sleep.hpp>

#include <doctest/doctest.h>

using namespace ws_test;
using ws::Message;
using ws::MessageView;
using ws::WebSocketHandler;

namespace {

// What the hooks of all these handlers share.
struct Stage {
    explicit Stage(World& world) : gate(world) {}
    void write(const std::string& what) {
        CHECK_FALSE(is_inside);
        log.push_back(what);
    }
    Coro<void> write_later(std::string what) {
        CHECK_FALSE(is_inside);
        is_inside = true;
        for (int turn = 0; turn < 3; ++turn) co_await sleep(0s);
        is_inside = false;
        write(what);
    }
    Log log;
    Gate gate;
    bool is_inside = false;
    int handlers = 0;
};

// Hooks of either kind, in every combination: each writes down when it begins and when it ends.
template <bool opens_later, bool answers_later, bool closes_later>
class Mixed : public WebSocketHandler {
public:
    explicit Mixed(Stage& stage) : stage_(stage) { ++stage_.handlers; }
    ~Mixed() { --stage_.handlers; }

    void open() requires(!opens_later) { stage_.write("open"); }
    Coro<void> open() requires(opens_later) { return stage_.write_later("open"); }
    void on_message(MessageView message) requires(!answers_later) {
        stage_.write(std::string(message.data));
        write_message(message.data);
    }
    Coro<void> on_message(Message message) requires(answers_later) {
        co_await stage_.write_later(std::string(message.data()));
        write_message(message.data());
    }
    void on_close() requires(!closes_later) { stage_.write(ending()); }
    Coro<void> on_close() requires(closes_later) { return stage_.write_later(ending()); }

private:
    std::string ending() { return "close " + code_text(close_code()) + " " + close_reason(); }
    Stage& stage_;
};

// on_message waits at the gate, on_close takes a turn.
class Slow : public WebSocketHandler {
public:
    explicit Slow(Stage& stage) : stage_(stage) {}
    Coro<void> on_message(Message message) {
        std::string text(message.data());
        stage_.log.push_back("begins " + text);
        if (text == "wait") {
            Future<void> opened = stage_.gate.arrive();
            co_await opened;
        }
        stage_.log.push_back("ends " + text);
        write_message(text);
    }
    Coro<void> on_close() {
        stage_.log.push_back("closing " + code_text(close_code()));
        co_await sleep(0s);
        stage_.log.push_back("closed " + code_text(close_code()));
    }

private:
    Stage& stage_;
};

class Trouble : public WebSocketHandler {
public:
    Trouble(Stage& stage, std::string where) : stage_(stage), where_(std::move(where)) {}
    void open() { trouble("open"); }
    void on_message(std::string_view text) {
        stage_.log.push_back(std::string(text));
        trouble("on_message");
    }
    void on_close() {
        stage_.log.push_back("close " + code_text(close_code()));
        CHECK_FALSE(write_message("too late"));
        close();
        trouble("on_close");
    }

private:
    void trouble(std::string_view place) const {
        if (place == where_) throw std::runtime_error("trouble in " + where_);
    }
    Stage& stage_;
    std::string where_;
};

class LaterTrouble : public WebSocketHandler {
public:
    LaterTrouble(Stage& stage, std::string where) : stage_(stage), where_(std::move(where)) {}
    Coro<void> open() { return trouble("open"); }
    Coro<void> on_message(Message message) {
        stage_.log.push_back(std::string(message.data()));
        return trouble("on_message");
    }
    Coro<void> on_close() {
        stage_.log.push_back("close " + code_text(close_code()));
        return trouble("on_close");
    }

private:
    Coro<void> trouble(std::string place) const {
        co_await sleep(0s);
        if (place == where_) throw std::runtime_error("trouble in " + where_);
    }
    Stage& stage_;
    std::string where_;
};

template <bool later>
class ClosesAtOnce : public WebSocketHandler {
public:
    explicit ClosesAtOnce(Stage& stage) : stage_(stage) {}
    void open() requires(!later) { close(static_cast<CloseCode>(4001), "full"); }
    Coro<void> open() requires(later) {
        close(static_cast<CloseCode>(4001), "full");
        co_await sleep(0s);
    }
    void on_message(MessageView message) { stage_.log.push_back(std::string(message.data)); }
    void on_close() { stage_.log.push_back("close " + code_text(close_code())); }

private:
    Stage& stage_;
};

// Writes more than may wait, from within a hook.
class Talkative : public WebSocketHandler {
public:
    explicit Talkative(Stage& stage) : stage_(stage) {}
    void on_message(MessageView) {
        stage_.is_inside = true;
        while (write_message(std::string(1 << 20, 't'))) {
        }
        stage_.log.push_back(connection().is_open() ? "open" : "no longer open");
        stage_.is_inside = false;
    }
    void on_close() {
        CHECK_FALSE(stage_.is_inside);
        stage_.log.push_back("close " + code_text(close_code()));
    }

private:
    Stage& stage_;
};

struct Scene : WsServed {
    Scene() : stage(*this) {}
    ~Scene() { server.reset(); }

    template <class Handler, class... Args>
    void serve_handler(ws::ConnectionOptions options, Args... args) {
        http::Router router;
        router.get("/", ws::handler<Handler>(std::move(options), std::ref(stage), std::move(args)...));
        serve(std::move(router));
    }

    Stage stage;
};

void check_in_order(void (*serve)(Scene&)) {
    for (bool in_one_segment : {true, false}) {
        Scene scene;
        serve(scene);
        Peer client = scene.connect();
        for (const std::string& bytes : {handshake(), text_frame("one"), text_frame("two"), close_frame(4001, "bye")}) {
            client.send(bytes);
            if (!in_one_segment) scene.settle();
        }
        client.read_until("\r\n\r\n");
        CHECK(read_frame(client) == "text:one");
        CHECK(read_frame(client) == "text:two");
        CHECK(read_frame(client) == "close:4001");
        CHECK(client.read_to_end() == "");
        scene.run_until_gone();
        CHECK(scene.stage.log == Log{"open", "one", "two", "close 4001 bye"});
        CHECK(scene.stage.handlers == 0);
        CHECK(scene.loop().task_count() == 0);
        CHECK(scene.lost.empty());
    }
}

template <bool opens_later, bool answers_later, bool closes_later>
void check_mixed() {
    CAPTURE(opens_later);
    CAPTURE(answers_later);
    CAPTURE(closes_later);
    check_in_order([](Scene& scene) { scene.serve_handler<Mixed<opens_later, answers_later, closes_later>>({}); });
}

}  // namespace

TEST_CASE("plain and coroutine hooks mix: one at a time, in order, on_close last") {
    check_mixed<false, false, false>();
    check_mixed<false, false, true>();
    check_mixed<false, true, false>();
    check_mixed<false, true, true>();
    check_mixed<true, false, false>();
    check_mixed<true, false, true>();
    check_mixed<true, true, false>();
    check_mixed<true, true, true>();
}

TEST_CASE("a message waits for the hook of the one before, another connection does not") {
    Scene scene;
    scene.serve_handler<Slow>({});
    Peer slow = scene.open();
    Peer other = scene.open();
    slow.send(text_frame("wait") + text_frame("two"));
    scene.run_until([&] { return scene.stage.gate.arrived == 1; });
    slow.send(text_frame("three"));
    other.send(text_frame("quick"));
    CHECK(read_frame(other) == "text:quick");
    scene.settle();
    CHECK(scene.stage.log == Log{"begins wait", "begins quick", "ends quick"});
    scene.stage.gate.open();
    CHECK(read_frame(slow) == "text:wait");
    CHECK(read_frame(slow) == "text:two");
    CHECK(read_frame(slow) == "text:three");
    CHECK(scene.stage.log == Log{"begins wait", "begins quick", "ends quick", "ends wait", "begins two", "ends two",
                                 "begins three", "ends three"});
}

TEST_CASE("an on_close that is a coroutine always runs to its end") {
    Scene scene;
    scene.serve_handler<Slow>({});
    Peer client = scene.open();
    Log expected{"closing 1006", "closed 1006"};
    SUBCASE("when the peer is lost while nothing happens") {
        client.reset();
    }
    SUBCASE("when the peer ends without a Close") {
        client.close();
    }
    SUBCASE("when the peer is lost while a message is answered: behind that") {
        client.send(text_frame("wait"));
        scene.run_until([&] { return scene.stage.gate.arrived == 1; });
        client.reset();
        scene.settle();
        CHECK(scene.stage.log == Log{"begins wait"});
        scene.stage.gate.open();
        expected = {"begins wait", "ends wait", "closing 1006", "closed 1006"};
    }
    SUBCASE("when the server is shut down, which waits for it") {
        Task<void> shutdown = scene.start_shutdown(10s);
        CHECK(read_frame(client) == "close:1001 the server is shutting down");
        client.send(close_frame(1001));
        scene.run_until([&] { return shutdown.done(); });
        expected = {"closing 1001", "closed 1001"};
        CHECK(scene.stage.log == expected);
    }
    SUBCASE("when a shutdown comes to its deadline") {
        Task<void> shutdown = scene.start_shutdown(2s);
        scene.pass(3s);
        CHECK(shutdown.done());
    }
    SUBCASE("when the server ends without a shutdown") {
        scene.server.reset();
    }
    SUBCASE("when the hook of a message is cancelled") {
        client.send(text_frame("wait") + text_frame("dropped"));
        scene.run_until([&] { return scene.stage.gate.arrived == 1; });
        scene.loop().cancel_all_tasks();
        CHECK(read_frame(client) == "close:1001");
        client.send(close_frame(1001));
        expected = {"begins wait", "closing 1001", "closed 1001"};
    }
    scene.run_until([&] { return scene.stage.log.size() == expected.size(); });
    CHECK(scene.stage.log == expected);
    if (scene.server) scene.run_until_gone();
    scene.settle();
    CHECK(scene.loop().task_count() == 0);
}

TEST_CASE("an on_close that is cancelled before it began still begins") {
    Scene scene;
    scene.serve_handler<Slow>({});
    Peer client = scene.open();
    client.reset();
    scene.run_until([&] { return scene.loop().task_count() == 1 || !scene.stage.log.empty(); });
    scene.loop().cancel_all_tasks();
    REQUIRE_FALSE(scene.stage.log.empty());
    CHECK(scene.stage.log[0] == "closing 1006");
    scene.run_until_gone();
}

TEST_CASE("a hook that throws is told, closes with 1011, and on_close is called") {
    Scene scene;
    std::string where;
    bool later = false;
    SUBCASE("open") {
        where = "open";
    }
    SUBCASE("on_message") {
        where = "on_message";
    }
    SUBCASE("on_close") {
        where = "on_close";
    }
    SUBCASE("open, a coroutine") {
        where = "open";
        later = true;
    }
    SUBCASE("on_message, a coroutine") {
        where = "on_message";
        later = true;
    }
    SUBCASE("on_close, a coroutine") {
        where = "on_close";
        later = true;
    }
    if (later) {
        scene.serve_handler<LaterTrouble>({}, where);
    } else {
        scene.serve_handler<Trouble>({}, where);
    }
    Peer client = scene.connect();
    client.send(handshake() + text_frame("one") + text_frame("two"));
    client.read_until("\r\n\r\n");
    if (where == "on_close") {
        client.send(close_frame(1000));
        CHECK(read_frame(client) == "close:1000");
    } else {
        CHECK(read_frame(client) == "close:1011 the handler failed");
        client.send(close_frame(1011));
    }
    CHECK(client.read_to_end() == "");
    scene.run_until_gone();
    REQUIRE(scene.lost.size() == 1);
    CHECK(scene.lost[0] == "a WebSocket handler's " + where + ": trouble in " + where);
    if (where == "open") CHECK(scene.stage.log == Log{"close 1011"});
    if (where == "on_message") CHECK(scene.stage.log == Log{"one", "close 1011"});
    if (where == "on_close") CHECK(scene.stage.log == Log{"one", "two", "close 1000"});
}

TEST_CASE("close within open: the messages behind the handshake are dropped") {
    Scene scene;
    SUBCASE("plain") {
        scene.serve_handler<ClosesAtOnce<false>>({});
    }
    SUBCASE("a coroutine") {
        scene.serve_handler<ClosesAtOnce<true>>({});
    }
    Peer client = scene.connect();
    client.send(handshake() + text_frame("one") + text_frame("two"));
    CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101"));
    CHECK(read_frame(client) == "close:4001 full");
    client.send(text_frame("three") + close_frame(4001));
    CHECK(read_frame(client) == "end");
    scene.run_until_gone();
    CHECK(scene.stage.log == Log{"close 4001"});
}

TEST_CASE("a hook that writes too much is told no, and on_close comes after it has returned") {
    Scene scene;
    scene.serve_handler<Talkative>({});
    Peer client = scene.open();
    client.send(text_frame("talk") + text_frame("again"));
    client.read_to_end();
    scene.run_until_gone();
    CHECK(scene.stage.log == Log{"no longer open", "close 1013"});
}

TEST_CASE("the loop may end while connections are open, hooks wait and a handler closes") {
    Scene scene;
    scene.serve_handler<Slow>({});
    std::vector<Peer> clients;
    for (int count = 0; count < 4; ++count) clients.push_back(scene.open());
    clients[1].send(text_frame("wait") + text_frame("behind"));
    clients[2].send(close_frame(1000));
    scene.turns(3);
    clients[3].reset();
    SUBCASE("at once") {}
    SUBCASE("after a cancelled shutdown") {
        Task<void> shutdown = scene.loop().create_task(scene.server->shutdown(10s));
        scene.turns(2);
        shutdown.cancel();
        scene.turns(1);
    }
    scene.server.reset();
    scene.end_loop();
    for (std::size_t count = 0; count < 3; ++count) clients[count].read_now();
}
