// A WebSocket server where every message goes to all: a list of connections, and one frame that they share.
//
// The demo before it: 11_ws_echo, where each connection is alone. New: ws::SharedBroadcast, which knows who is there,
// whichever loop they came to.
// Run:    ./stepwise run 12 --port 8001      Then, in the consoles of two browser windows:
//         s = new WebSocket("ws://127.0.0.1:8001/"); s.onmessage = e => console.log(e.data)
//         s.send("hi")
// Try:    take everyone.remove away, and close a window. Whom does the next message go to?
//         send(message.data, &connection()) leaves one out. Whom?
//         --threads 2, and windows that talk at once. Do all of them hear the same order?
// Prints: listening on http://127.0.0.1:8001
#include <stepwise/net/http/serve.hpp>
#include <stepwise/ws/route.hpp>
#include <stepwise/ws/shared_broadcast.hpp>

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;

namespace {

// One for each connection; all of them refer to the same `everyone`.
class Talker : public ws::WebSocketHandler {
public:
    explicit Talker(ws::SharedBroadcast& everyone) : everyone_(everyone) {}

    void open() { everyone_.add(connection()); }

    // Encoded once. Nobody waits for a slow reader, whose connection ends when too much waits for it (1013).
    void on_message(ws::MessageView message) {
        if (message.is_text) {
            everyone_.send(message.data);
        } else {
            everyone_.send_binary(message.data);
        }
    }

    // Also of a connection that broke: there is no other way out of a connection.
    void on_close() { everyone_.remove(connection()); }

    bool check_origin(std::string_view) { return true; }

private:
    ws::SharedBroadcast& everyone_;
};

}  // namespace

int main(int argc, char** argv) {
    net::ServerOptions options = net::parse_server_options(argc, argv, "Sends every WebSocket message to all.");
    ws::SharedBroadcast everyone;
    auto routes = [&everyone] {
        http::Router router;
        router.fallback(ws::handler<Talker>(ws::ConnectionOptions(), std::ref(everyone)));
        return router;
    };
    return http::serve(routes, options);
}
