// A WebSocket server of hooks: one object per connection, told what happens.
//
// The demo before it: 10_http_hello, whose coroutine waits for messages. New: the other face of the same machine.
// Run:    ./stepwise run 11 --port 8001      Then, in a browser's console:
//         s = new WebSocket("ws://127.0.0.1:8001/"); s.onmessage = e => console.log(e.data)
//         s.send("hi")
// Try:    take on_message away. Does it compile?  curl -i http://127.0.0.1:8001/  What does 426 ask for?
//         --no-compress, --max-message 10, --origin http://localhost: what does the console say then?
// Prints: listening on http://127.0.0.1:8001
#include <stepwise/net/http/serve.hpp>
#include <stepwise/ws/route.hpp>

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;

namespace {

struct EchoOptions {
    net::ServerOptions server;
    ws::ConnectionOptions connection;
    bool no_compress = false;
};

class Echo : public ws::WebSocketHandler {
public:
    // Plain: it sees the bytes where they arrived, and what it writes is sent at the end of the turn. While the peer
    // does not read its echoes, its next messages are not read either.
    void on_message(ws::MessageView message) { write_message(message.data, !message.is_text); }
};

// It has no users of its own to protect, so pages from anywhere may try it, unless --origin says whose.
class EchoToAnyPage : public Echo {
public:
    bool check_origin(std::string_view) { return true; }
};

EchoOptions parse(int argc, char** argv) {
    EchoOptions echo;
    ws::ConnectionOptions& connection = echo.connection;
    net::Options options("Echoes WebSocket messages at any path.");
    options.add_server_options(echo.server);
    options.add_option("--ping", connection.ping_interval_seconds, 0, 86'400,
                       "Seconds of silence before a client is pinged, 0 for never");
    options.add_option("--ping-timeout", connection.ping_timeout_seconds, 1, 86'400, "Seconds it has to answer");
    options.add_option("--max-message", connection.protocol.message_bytes_max, 0, 1 << 30, "Bytes of a message");
    options.add_flag("--no-compress", echo.no_compress, "Messages go as they are");
    options.add_list("--subprotocol", connection.subprotocols, "What the server speaks");
    options.add_list("--origin", connection.allowed_origins, "Whose pages may connect, beside its own");
    options.parse(argc, argv);
    connection.protocol.compression.enabled = !echo.no_compress;
    return echo;
}

}  // namespace

int main(int argc, char** argv) {
    EchoOptions options = parse(argc, argv);
    auto routes = [&options] {
        http::Router router;
        const bool any_page = options.connection.allowed_origins.empty();
        router.fallback(any_page ? ws::handler<EchoToAnyPage>(options.connection)
                                 : ws::handler<Echo>(options.connection));
        return router;
    };
    return http::serve(routes, options.server);
}
