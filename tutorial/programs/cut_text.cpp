// A bug to find: a preview of at most ten bytes, which works until somebody writes in Chinese.
//
// For chapter 27. Client and server are tasks of one loop, on the simulator.
// Run:    ./stepwise run cut_text [--lang zh|en]
// Try:    ws::utf8_prefix(text, preview_bytes_max) instead of substr. What does the client get then?
// Prints: client: got good morni
//         client: closed with 1007, ...
#include <fmt/core.h>

#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using stepwise::Coro;
using stepwise::EventLoop;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

//[ bug
constexpr std::size_t preview_bytes_max = 10;

Coro<> send_previews(ws::Connection& connection) {
    for (const std::string text : {"good morning", "你好，世界"}) {
        co_await connection.send(text.substr(0, preview_bytes_max));
    }
    co_await connection.wait_closed();
    say(fmt::format("服务器: 以 {} 结束，{}", static_cast<unsigned>(connection.close_code()),
                    connection.close_reason()),
        fmt::format("server: ended with {}, {}", static_cast<unsigned>(connection.close_code()),
                    connection.close_reason()));
}
//]

Coro<> listen_to_previews(std::string url) {
    ws::ClientConnection connection = co_await ws::connect(url);
    while (auto message = co_await connection->receive()) {
        say("客户端: 收到 " + std::string(message->data()), "client: got " + std::string(message->data()));
    }
    co_await connection->wait_closed();
}

Coro<> serve_and_listen() {
    http::Router router;
    router.get("/", ws::coroutine(send_previews));
    http::Server server(EventLoop::current(), std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    co_await listen_to_previews("ws://" + address.to_string() + "/");
    co_await server.shutdown(std::chrono::seconds(1));
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A preview of ten bytes. Find out why the connection ends.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    stepwise::run(serve_and_listen(), loop_options);
}
