// One WebSocket connection, from the client's connect to the server's answer: what runs on the server's loop.
//
// For the page about the handshake. The client has a thread and a loop of its own, as another program would.
// Run:    ./stepwise run handshake [--lang zh|en]
//         ./stepwise trace handshake --format told
// Try:    co_await connection.send("second") in serve. Where does it appear in the trace?
// Prints: the server's coroutine runs, then what the client receives
#include <fmt/core.h>

#include <cstdio>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
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
using stepwise::Future;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

//[ server
// Runs for each connection, once the handshake is written.
Coro<> serve(ws::Connection& connection) {
    say("服务器: 协程开始", "server: the coroutine begins");
    co_await connection.send("hello");
}
//]

Coro<> receive_once(std::string url) {
    ws::ClientConnection connection = co_await ws::connect(url);
    auto message = co_await connection->receive();
    if (message) say("客户端: 收到 " + std::string(message->data()), "client: got " + std::string(message->data()));
    co_await connection->wait_closed();
}

Coro<> listen_and_serve() {
    http::Router router;
    router.get("/", ws::coroutine(serve));
    http::Server server(EventLoop::current(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
    auto client = [url] { stepwise::run(receive_once(url)); };
    Future<void> done = EventLoop::current().run_in_executor(client);
    co_await done;
    while (server.connection_count() > 0) co_await stepwise::sleep(1ms);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "One WebSocket connection, from connect to the server's answer.");
    stepwise::run(listen_and_serve());
}
