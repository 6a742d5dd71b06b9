// A bug to find: on_close is awaited, and still somebody is counted who has gone.
//
// For chapter 28. Server and clients are tasks of one loop, on the simulator, so that the seconds are exact.
// Run:    ./stepwise run late_leave [--lang zh|en]
// Try:    exchange the two lines of on_close. What else must have happened before the first co_await?
// Prints: [ 1.0 s] Ada leaves
//         [ 1.5 s] Bob hears: 2 in the room
//         [ 2.5 s] Bob hears: 1 in the room
#include <fmt/core.h>

#include <chrono>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

net::DemoOptions options;
stepwise::TimePoint start;

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> passed = EventLoop::current().time() - start;
    fmt::print("[{:4.1f} s] {}\n", passed.count(), options.language == net::Language::chinese ? zh : en);
}

// Simplified: a real one would write a line to a file.
Coro<> log_that_somebody_left() {
    co_await stepwise::sleep(1s);
}

//[ bug
class Member : public ws::WebSocketHandler {
public:
    void open() { room.push_back(this); }
    void on_message(std::string_view) { write_message(std::to_string(room.size())); }
    Coro<> on_close() {
        co_await log_that_somebody_left();
        std::erase(room, this);
    }

private:
    static inline std::vector<Member*> room;
};
//]

Coro<> ask_who_is_here(ws::Connection& bob) {
    co_await bob.send("who is here?");
    auto answer = co_await bob.receive();
    const std::string count(answer->data());
    say(fmt::format("Bob 听说: 房间里有 {} 个人", count), fmt::format("Bob hears: {} in the room", count));
}

Coro<> come_and_go() {
    start = EventLoop::current().time();
    http::Router router;
    router.get("/", ws::handler<Member>());
    http::Server server(EventLoop::current(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
    ws::ClientConnection ada = co_await ws::connect(url);
    ws::ClientConnection bob = co_await ws::connect(url);

    co_await stepwise::sleep(1s);
    say("Ada 走了", "Ada leaves");
    ada->close();
    co_await stepwise::sleep(500ms);
    co_await ask_who_is_here(*bob);
    co_await stepwise::sleep(1s);
    co_await ask_who_is_here(*bob);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Somebody leaves, and is counted all the same. Find the cause.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    stepwise::run(come_and_go(), loop_options);
}
