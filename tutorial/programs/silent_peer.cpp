// A cable is pulled, and nobody is told: when does a server notice, with pings and without?
//
// For chapter 30. On the simulator: an hour passes in no time, and a way between two machines can be cut.
// Run:    ./stepwise run silent_peer [--lang zh|en]
// Try:    ping_interval_seconds = 5, ping_timeout_seconds = 2 in the third case. When at the latest is the end noticed?
// Prints: -- A: no pings, and nothing is sent
//         [   5.0 s] A: the way is cut
//         [3600.0 s] A: still open, for all the server knows
//         and so on: who sends notices after minutes, who pings after seconds
#include <fmt/core.h>

#include <chrono>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/sim/world.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

net::DemoOptions options;
stepwise::TimePoint start;
const char* shown_now = "";
ws::Connection* member = nullptr;  // of the server, while somebody looks at it

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> passed = EventLoop::current().time() - start;
    fmt::print("[{:6.1f} s] {}: {}\n", passed.count(), shown_now, options.language == net::Language::chinese ? zh : en);
}

//[ server
class Watched : public ws::WebSocketHandler {
public:
    void open() {
        member = &connection();
        say("连接打开", "open");
    }
    void on_message(std::string_view) {}
    void on_pong(std::string_view) { say("pong 来了", "a pong comes"); }
    void on_close() {
        if (member == nullptr) return;
        member = nullptr;
        const auto code = static_cast<unsigned>(close_code());
        say(fmt::format("服务器发觉了，{}", code), fmt::format("the server notices, {}", code));
    }
};
//]

//[ case
struct Case {
    const char* name;
    const char* zh;
    const char* en;
    int ping_interval_seconds;
    bool sends;  // something, after the cut
    bool cut;
};

const Case cases[] = {
    {"A", "没有 ping，也不发什么", "no pings, and nothing is sent", 0, false, true},
    {"B", "没有 ping，但发一条消息", "no pings, but a message is sent", 0, true, true},
    {"C", "静默 20 s 后 ping，再等 20 s", "a ping after 20 s, then 20 s more", 20, false, true},
    {"D", "同样，线没断", "the same, and the way is not cut", 20, false, false},
};
//]

Coro<> show(const Case& shown) {
    shown_now = shown.name;
    fmt::print("-- {}: {}\n", shown.name, options.language == net::Language::chinese ? shown.zh : shown.en);
    start = EventLoop::current().time();
    ws::ConnectionOptions connection_options;
    connection_options.ping_interval_seconds = shown.ping_interval_seconds;
    http::Router router;
    router.get("/", ws::handler<Watched>(connection_options));
    http::Server server(EventLoop::current(), std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    ws::ConnectOptions quiet;
    quiet.connection.ping_interval_seconds = 0;
    ws::ClientConnection client = co_await ws::connect("ws://" + address.to_string() + "/", quiet);

    co_await stepwise::sleep(5s);
    if (shown.cut) {
        stepwise::sim::world().network.partition("127.0.0.1");
        say("线断了", "the way is cut");
    }
    co_await stepwise::sleep(5s);
    if (shown.sends) {
        const bool taken = member->write_message("still there?");
        say(fmt::format("服务器发一条消息: {}", taken ? "收下了" : "不收"),
            fmt::format("the server sends a message: {}", taken ? "taken" : "refused"));
    }
    const stepwise::Duration rest = shown.cut ? 3590s : 90s;
    co_await stepwise::sleep(rest);
    if (member != nullptr) say("在服务器看来还开着", "still open, for all the server knows");
    member = nullptr;
    stepwise::sim::world().network.heal("127.0.0.1");
    client->abort();
    co_await server.shutdown(1s);
}

Coro<> show_all() {
    for (const Case& shown : cases) co_await show(shown);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A cable is pulled: when does a server notice?");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    stepwise::run(show_all(), loop_options);
}
