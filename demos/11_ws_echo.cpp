// A WebSocket server of hooks: one object per connection, told what happens.
//
// The demo before it: 10_http_hello, whose coroutine waits for messages. New: the other face of the same machine.
// Run:    ./stepwise run 11 --port 8001      Then, in a browser's console:
//         s = new WebSocket("ws://127.0.0.1:8001/"); s.onmessage = e => console.log(e.data)
//         s.send("hi")
// Try:    take on_message away. Does it compile?  curl -i http://127.0.0.1:8001/  What does 426 ask for?
// Prints: listening on http://127.0.0.1:8001
#include <stepwise/net/http/serve.hpp>
#include <stepwise/ws/route.hpp>

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;

namespace {

class Echo : public ws::WebSocketHandler {
public:
    // Plain: it sees the bytes where they arrived, and what it writes is sent at the end of the turn. While the peer
    // does not read its echoes, its next messages are not read either.
    void on_message(ws::MessageView message) { write_message(message.data, !message.is_text); }
    // It has no users of its own to protect, so pages from anywhere may try it.
    bool check_origin(std::string_view) { return true; }
};

http::Router routes() {
    http::Router router;
    router.fallback(ws::handler<Echo>());
    return router;
}

}  // namespace

int main(int argc, char** argv) {
    net::ServerOptions options = net::parse_server_options(argc, argv, "Echoes WebSocket messages at any path.");
    return http::serve(routes, options);
}
