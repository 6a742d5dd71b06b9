// The start page of `./stepwise serve`: the course, the demos, the chat, and three small things to ask a server.
//
// The demo before it: chat, which is mounted here whole. New: many pages, made from files that are read on the executor
// (course.hpp), a redirect, and data for a page as JSON.
// Run:    ./stepwise serve                 Then open http://127.0.0.1:8000/
// Try:    ./stepwise serve --host 0.0.0.0, and open the chat on a phone in the same network.
// Prints: listening on http://127.0.0.1:8000
#include <fmt/format.h>

#include <chat_page.hpp>
#include <demos_json.hpp>
#include <filesystem>
#include <site_page.hpp>
#include <stepwise/demos/chat/room.hpp>
#include <stepwise/demos/site/course.hpp>
#include <stepwise/net/http/serve.hpp>
#include <stepwise/net/http/static_files.hpp>

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

// What a page names beside itself is found only if the page's own address ends in a slash.
http::Response add_slash(const http::Request& request) {
    http::Response response(301);
    response.headers.set("Location", std::string(request.raw_path()) + "/");
    return response;
}

// The loop serves others while a thread of the pool reads the files that the page is made from.
stepwise::Coro<http::Response> course_page_for(const course::Course& pages, const http::Request& request) {
    const std::string path(request.path().substr(std::string_view("/course/").size()));
    const std::string languages(request.headers().get("Accept-Language"));
    auto answer = [&pages, path, languages] { return pages.answer(path, languages); };
    stepwise::Future<http::Response> answered = stepwise::EventLoop::current().run_in_executor(answer);
    co_return co_await answered;
}

void add_course(http::Router& router, const course::Course& pages) {
    const auto handler = [&pages](const http::Request& request) { return course_page_for(pages, request); };
    router.get("/course", add_slash);
    for (const char* path : {"/course/", "/course/en/", "/course/zh/", "/course/{a}", "/course/{a}/{b}",
                             "/course/{a}/{b}/{c}", "/course/{a}/{b}/{c}/{d}", "/course/{a}/{b}/{c}/{d}/{e}"}) {
        router.get(path, handler);
    }
}

// Made from the headers by doxygen, where that is installed.
void add_reference(http::Router& router, const std::string& folder) {
    router.get("/reference", add_slash);
    if (std::filesystem::is_regular_file(folder + "/index.html")) {
        router.get("/reference/{path...}", http::StaticFiles(folder, "/reference/").handler());
        return;
    }
    router.get("/reference/", [](const http::Request&) {
        return http::Response::error(404,
                                     "There is no reference yet. sudo apt-get install doxygen, and ./stepwise serve "
                                     "makes it.\n还没有参考手册。sudo apt-get install doxygen，再运行 ./stepwise "
                                     "serve，就有了。");
    });
}

class Echo : public ws::WebSocketHandler {
public:
    void on_message(ws::MessageView message) { write_message(message.data, !message.is_text); }
};

void add_routes(http::Router& router, const course::Course& pages, const std::string& reference, chat::Room& room) {
    add_course(router, pages);
    add_reference(router, reference);
    router.get("/", [](const http::Request&) { return http::Response::html(std::string(site_page)); });
    router.get("/demos.json", [](const http::Request&) { return http::Response::json(std::string(demos_json)); });
    router.get("/hello", hello);
    router.post("/echo", echo);
    router.get("/ws", ws::handler<Echo>());
    router.get("/chat", add_slash);
    router.get("/chat/", [](const http::Request&) { return http::Response::html(std::string(chat_page)); });
    router.get("/chat/socket", chat::route(room));
}

}  // namespace

int main(int argc, char** argv) {
    net::ServerOptions options;
    options.port = 8000;
    std::string course_folder = STEPWISE_COURSE_FOLDER;
    std::string reference_folder = STEPWISE_REFERENCE_FOLDER;
    net::Options("The start page: the course, the demos, the chat, and a server to talk to.")
        .add_server_options(options)
        .add_option("--course", course_folder, "The folder with the course's pages")
        .add_option("--reference", reference_folder, "The folder with the reference's pages")
        .parse(argc, argv);
    const course::Course pages(course_folder);
    chat::Room room;
    auto routes = [&pages, &reference_folder, &room] {
        http::Router router;
        add_routes(router, pages, reference_folder, room);
        return router;
    };
    return http::serve(routes, options);
}
