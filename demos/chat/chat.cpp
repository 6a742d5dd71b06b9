// A chat room: everyone hears who joins, what is said and who leaves.
//
// The demo before it: 12_ws_broadcast. New: a Room (room.hpp) that knows who everyone is, and a page.
// Run:    ./stepwise chat --port 8000      Then open http://127.0.0.1:8000/ in two windows.
// Try:    say <b>bold</b>. Stop the server while you type, and start it again: what becomes of your words?
//         How would someone in the room see the last ten lines that were said before they came?
// Prints: listening on http://127.0.0.1:8000
#include <chat_page.hpp>
#include <stepwise/demos/chat/room.hpp>
#include <stepwise/net/http/serve.hpp>

namespace http = stepwise::http;
namespace net = stepwise::net;

int main(int argc, char** argv) {
    net::ServerOptions options = net::parse_server_options(argc, argv, "A chat room in the browser.");
    chat::Room room;
    auto routes = [&room] {
        http::Router router;
        router.get("/", [](const http::Request&) { return http::Response::html(std::string(chat_page)); });
        router.get("/socket", chat::route(room));
        return router;
    };
    return http::serve(routes, options);
}
