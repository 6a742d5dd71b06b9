// A server behind a proxy on this machine: says where a request came from and by which scheme, echoes bodies and
// messages, and has an answer that is longer than what a kernel holds for a peer that does not read.
#include <stepwise/net/http/serve.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/ws/route.hpp>

#include <string>

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using stepwise::Coro;

namespace {

constexpr std::size_t long_bytes = 8 * 1024 * 1024;

http::Response who(const http::Request& request) {
    return http::Response::text(std::string(request.scheme()) + " " + std::string(request.remote_ip()));
}

Coro<void> echo(ws::Connection& connection) {
    while (auto message = co_await connection.receive()) co_await connection.send(message->data());
}

}  // namespace

int main(int argc, char** argv) {
    net::ServerOptions program;
    http::ServeOptions serving;
    net::Options options("Answers behind a proxy that it trusts.");
    options.add_server_options(program);
    http::add_limits(options, serving.server);
    options.add_option("--write-timeout", serving.server.write_timeout_seconds, 1, 3600,
                       "Seconds for the peer to read");
    options.parse(argc, argv);
    serving.server.trusted_proxies = http::TrustedProxies({"127.0.0.1"});
    http::Router router;
    router.get("/", who);
    router.post("/echo",
                [](const http::Request& request) { return http::Response::text(std::string(request.body())); });
    router.get("/long", [](const http::Request&) { return http::Response::text(std::string(long_bytes, 'x')); });
    router.get("/ws", ws::coroutine(echo));
    return http::serve(std::move(router), program, std::move(serving));
}
