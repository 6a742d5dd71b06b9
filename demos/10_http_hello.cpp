// A server: HTTP and WebSocket on one port, in routes.
//
// The demo before it: 09_future_task. New: the loop waits for sockets, and a handler is called for each request.
// Run:    ./stepwise run 10 --port 8000      Then: curl -i http://127.0.0.1:8000/
// Try:    curl --data-binary @demos/10_http_hello.cpp http://127.0.0.1:8000/echo
//         curl -i -X DELETE http://127.0.0.1:8000/     Which methods does it name, and why is HEAD among them?
//         --max-body 10, and the echo again. Who decides, and before how many bytes have come?
//         --threads 2. How many routers are there then, and how many connections does each know of?
//         --tls-cert FILE --tls-key FILE, and curl --cacert FILE https://localhost:8000/. kill -HUP reads both again.
// Prints: listening on http://127.0.0.1:8000
#include <stepwise/net/http/serve.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <vector>

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using stepwise::Coro;

namespace {

// Plain: it has all it needs, so the answer is written before the next request is looked at.
http::Response hello(const http::Request&) {
    http::Response response = http::Response::text("Hello, World!");
    return response;
}

http::Response echo_body(const http::Request& request) {
    http::Response response(200, std::string(request.body()), "application/octet-stream");
    return response;
}

// A coroutine: it lives as long as the connection, and waits in receive() and in send().
Coro<void> echo_messages(ws::Connection& connection) {
    while (auto message = co_await connection.receive()) {
        if (message->is_text()) {
            co_await connection.send(message->data());
        } else {
            co_await connection.send_binary(message->data());
        }
    }
}

// Called once for each loop.
http::Router routes(const std::vector<std::string>& origins) {
    ws::ConnectionOptions connections;
    connections.allowed_origins = origins;
    http::Router router;
    router.get("/", hello);
    router.post("/echo", echo_body);
    router.get("/ws", ws::coroutine(echo_messages, connections));
    return router;
}

}  // namespace

//[ main
int main(int argc, char** argv) {
    net::ServerOptions program;
    http::ServeOptions serving;
    std::vector<std::string> origins;
    net::Options options("GET / says hello, POST /echo and /ws echo.");
    options.add_server_options(program);
    http::add_limits(options, serving.server);
    options.add_list("--origin", origins, "Pages of these origins may use /ws too: https://example.com");
    options.parse(argc, argv);
    return http::serve([&origins] { return routes(origins); }, program, serving);
}
//]
