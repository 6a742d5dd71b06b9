// The start page of `./stepwise serve`: the demos, the chat, and three small things to ask a server.
//
// The demo before it: chat, which is mounted here whole. New: several pages, a redirect, and data for a page as JSON.
// Run:    ./stepwise serve                 Then open http://127.0.0.1:8000/
// Try:    ./stepwise serve --host 0.0.0.0, and open the chat on a phone in the same network.
// Prints: listening on http://127.0.0.1:8000
#include <fmt/format.h>

#include <chat_page.hpp>
#include <demos_json.hpp>
#include <site_page.hpp>
#include <stepwise/demos/chat/room.hpp>
#include <stepwise/net/http/serve.hpp>

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;

namespace {

http::Response hello(const http::Request& request) {
    return http::Response::text(fmt::format("Hello, {}!\n", request.argument("name").value_or("World")));
}

http::Response echo(const http::Request& request) {
    return http::Response::text(std::string(request.body()));
}

// The page asks for `socket` beside itself, so its address must end in a slash.
http::Response to_chat(const http::Request&) {
    http::Response response(301);
    response.headers.set("Location", "/chat/");
    return response;
}

class Echo : public ws::WebSocketHandler {
public:
    void on_message(ws::MessageView message) { write_message(message.data, !message.is_text); }
};

}  // namespace

int main(int argc, char** argv) {
    net::ServerOptions defaults;
    defaults.port = 8000;
    net::ServerOptions options = net::parse_server_options(
        argc, argv, "The start page: the demos, the chat, and a server to talk to.", defaults);
    chat::Room room;
    http::Router router;
    router.get("/", [](const http::Request&) { return http::Response::html(std::string(site_page)); });
    router.get("/demos.json", [](const http::Request&) { return http::Response::json(std::string(demos_json)); });
    router.get("/hello", hello);
    router.post("/echo", echo);
    router.get("/ws", ws::handler<Echo>());
    router.get("/chat", to_chat);
    router.get("/chat/", [](const http::Request&) { return http::Response::html(std::string(chat_page)); });
    router.get("/chat/socket", chat::route(room));
    return http::serve(std::move(router), options);
}
