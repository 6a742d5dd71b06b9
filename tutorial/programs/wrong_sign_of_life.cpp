// A bug to find: a watch over a connection that asks every ten seconds, and is content for a quarter of an hour.
//
// For chapter 30. On the simulator: the way between the two is cut at second 5.
// Run:    ./stepwise run wrong_sign_of_life [--lang zh|en]
// Try:    set last_sign where a pong, or any message, comes in. When does the watch give up now?
// Prints: [   5.0 s] the way is cut
//         [ 300.0 s] last sign of life 0 s ago
//         and so on, until TCP gives up
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
using stepwise::Task;
using stepwise::TimePoint;

net::DemoOptions options;
TimePoint start;

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> passed = EventLoop::current().time() - start;
    fmt::print("[{:6.1f} s] {}\n", passed.count(), options.language == net::Language::chinese ? zh : en);
}

void say_how_long_ago(TimePoint last_sign) {
    const std::chrono::duration<double> ago = EventLoop::current().time() - last_sign;
    say(fmt::format("上一次生命迹象在 {:.0f} s 前", ago.count()),
        fmt::format("last sign of life {:.0f} s ago", ago.count()));
}

//[ bug
constexpr auto patience = 30s;

Coro<> watch(ws::Connection& connection) {
    TimePoint last_sign = EventLoop::current().time();
    for (int asked = 0; connection.is_open(); ++asked) {
        if (connection.write_message("are you there?")) last_sign = EventLoop::current().time();
        if (EventLoop::current().time() - last_sign > patience) connection.abort();
        if (asked > 0 && asked % 30 == 0) say_how_long_ago(last_sign);
        co_await stepwise::sleep(10s);
    }
    say("连接没了", "the connection is gone");
}
//]

Coro<> answer(ws::Connection& connection) {
    while (auto message = co_await connection.receive()) co_await connection.send("yes");
}

Coro<> watch_over_a_cut() {
    start = EventLoop::current().time();
    ws::ConnectionOptions without_pings;
    without_pings.ping_interval_seconds = 0;
    http::Router router;
    router.get("/", ws::coroutine(answer, without_pings));
    http::Server server(EventLoop::current(), std::move(router));
    ws::ConnectOptions connect_options;
    connect_options.connection = without_pings;
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
    ws::ClientConnection client = co_await ws::connect(url, connect_options);
    Task<> watching = EventLoop::current().create_task(watch(*client));
    co_await stepwise::sleep(5s);
    say("线断了", "the way is cut");
    stepwise::sim::world().network.partition("127.0.0.1");
    co_await watching;
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A watch that sees life where there is none. Find the cause.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    stepwise::run(watch_over_a_cut(), loop_options);
}
