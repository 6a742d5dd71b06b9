// Law 7: what an await of a WebSocket connection leaves behind when it is cancelled. That of its opening is in
// client_peer_test.cpp.
#include <stepwise/net/http/server.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/tests/cancel_safety.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>

#include <algorithm>

namespace {

using namespace cancel_safety;

// What the server's end has, and what holds it up.
struct Room {
    ws::WebSocketHandler* handler = nullptr;
    Event may_take;
    std::vector<std::string> taken;  // but what only fills
};

constexpr std::size_t filling_bytes = 512 * 1024;

class Remembers : public ws::WebSocketHandler {
public:
    explicit Remembers(Room& room) : room_(room) {}
    void open() { room_.handler = this; }
    void on_close() { room_.handler = nullptr; }
    Coro<void> on_message(ws::Message message) {
        co_await room_.may_take.wait();
        if (message.data().size() < filling_bytes) room_.taken.emplace_back(message.data());
    }

private:
    Room& room_;
};

// Our client's end of a connection to our server, in one loop.
class OnAConnection : public Subject {
public:
    explicit OnAConnection(Stage& stage) : Subject(stage) {
        http::Router router;
        ws::ConnectionOptions options;
        options.protocol.compression.enabled = false;  // what fills the kernel's buffers is to stay large
        router.get("/", ws::handler<Remembers>(options, std::ref(room_)));
        server_.emplace(loop(), std::move(router));
        url_ = "ws://" + server_->listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
        room_.may_take.set();
        connect();
    }
    bool completes_at_once() const override { return false; }
    void before_loop_ends() override { server_.reset(); }

protected:
    void connect() {
        Task<ws::ClientConnection> opening = loop().create_task(ws::connect(url_));
        stage().run_until([&] { return opening.done() && room_.handler != nullptr; });
        client_ = loop().run_until_complete(std::move(opening));
    }
    Room room_;
    std::optional<http::Server> server_;
    std::string url_;
    ws::ClientConnection client_;
};

class ReceiveSubject final : public OnAConnection {
public:
    using OnAConnection::OnAConnection;
    Coro<std::string> operate() override {
        auto message = co_await client_->receive();
        co_return message ? std::string(message->data()) : "closed";
    }
    void complete() override { REQUIRE(room_.handler->write_message("7")); }
    std::string gives() const override { return "7"; }
};

class WaitClosedSubject final : public OnAConnection {
public:
    using OnAConnection::OnAConnection;
    Coro<std::string> operate() override {
        co_await client_->wait_closed();
        co_return std::to_string(static_cast<unsigned>(client_->close_code()));
    }
    void complete() override { room_.handler->close(); }
    std::string gives() const override { return "1000"; }
    void after_result() override {
        stage().run_until([&] { return room_.handler == nullptr; });
        connect();
    }
    void after_cancel() override { CHECK(client_->is_open()); }
};

// Each message is another one. It is queued when the await begins, and what waits is the room for more.
class SendSubject final : public OnAConnection {
public:
    explicit SendSubject(Stage& stage) : OnAConnection(stage) { fill(); }
    Coro<std::string> operate() override {
        std::string text = "message " + std::to_string(++begun_);
        co_await client_->send(text);
        co_return "sent";
    }
    void complete() override { room_.may_take.set(); }
    std::string gives() const override { return "sent"; }
    std::size_t tasks_of_its_own() const override { return 1; }  // on_message, which waits
    bool keeps_what_was_not_given() const override { return false; }
    void after_result() override {
        CHECK(count_of_last() == 1);
        fill();
    }
    void after_cancel() override {
        CHECK(count_of_last() <= 1);
        fill();
    }

private:
    std::ptrdiff_t count_of_last() {
        room_.may_take.set();
        CHECK(client_->write_message("all of it"));
        stage().run_until([&] { return !room_.taken.empty() && room_.taken.back() == "all of it"; });
        std::string last = "message " + std::to_string(begun_);
        return std::ranges::count(room_.taken, last);
    }
    // Until the kernel takes no more.
    void fill() {
        room_.may_take.clear();
        room_.taken.clear();
        std::string bytes(filling_bytes, 'x');
        while (client_->queued_bytes() < 2 * filling_bytes) {
            REQUIRE(client_->write_message(bytes));
            stage().turns(20);
        }
    }
    int begun_ = 0;
};

}  // namespace

TEST_CASE("a cancelled receive has taken no message") {
    check_every_phase<ReceiveSubject>();
}
TEST_CASE("a cancelled wait for a connection's end leaves the connection open") {
    check_every_phase<WaitClosedSubject>();
}
TEST_CASE("a cancelled send has sent its message once, whole, or not at all") {
    check_every_phase<SendSubject>();
}
