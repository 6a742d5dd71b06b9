// What a browser does with a server by itself: it keeps cookies, sends forms, asks for parts of a sound, and comes back
// to a stream of events with the id of the last one.
#include <fmt/format.h>
#include <stdlib.h>
#include <stepwise/net/http/arguments.hpp>
#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/http/cookies.hpp>
#include <stepwise/net/http/event_stream.hpp>
#include <stepwise/net/http/serve.hpp>
#include <stepwise/net/http/static_files.hpp>
#include <stepwise/net/http/template.hpp>
#include <stepwise/net/options.hpp>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>

namespace http = stepwise::http;
namespace net = stepwise::net;
using stepwise::Coro;

namespace {

constexpr std::string_view page = R"(<!doctype html><meta charset="utf-8"><title>web</title>
<form id="plain" action="/form?from=query" method="post">
<input name="name" value="Ada &amp; 李 +%"><button>go</button></form>
<video id="video" preload="metadata" src="/media/silence.wav"></video>
)";

// Ten minutes of silence: much longer than what a browser asks for ahead.
void write_silence(const std::filesystem::path& path) {
    constexpr std::uint32_t rate = 44'100;
    constexpr std::uint32_t bytes = 600 * rate * 2;
    std::string head = "RIFF....WAVEfmt ................data....";
    const auto put = [&head](std::size_t at, std::uint32_t value, int size) {
        for (int index = 0; index < size; ++index) {
            head[at + static_cast<std::size_t>(index)] = static_cast<char>(value >> (8 * index));
        }
    };
    head.insert(16, "....");
    put(4, 36 + bytes, 4);
    put(16, 16, 4);
    put(20, 1, 2);
    put(22, 1, 2);
    put(24, rate, 4);
    put(28, rate * 2, 4);
    put(32, 2, 2);
    put(34, 16, 2);
    put(40, bytes, 4);
    std::ofstream(path, std::ios::binary) << head;
    std::filesystem::resize_file(path, 44 + bytes);
}

http::Response count_visits(const http::Request& request) {
    int visits = 0;
    const std::string_view seen = http::find_cookie(request.headers(), "visits").value_or("0");
    std::from_chars(seen.data(), seen.data() + seen.size(), visits);
    http::Response response = http::Response::text(std::to_string(visits + 1));
    http::set_cookie(response.headers, http::Cookie("visits", std::to_string(visits + 1)));
    return response;
}

http::Response show_form(const http::Request& request) {
    return http::Response::html(
        http::escape_html(http::get_argument(request, "name") + "|" + http::get_argument(request, "from")));
}

// Three events for each connection; then the browser comes back by itself.
Coro<> three_events(const http::Request& request, http::ResponseWriter& out) {
    http::EventStream events(request, out);
    int number = 0;
    const std::string last(events.last_event_id().value_or("0"));
    std::from_chars(last.data(), last.data() + last.size(), number);
    for (int count = 0; count < 3; ++count) {
        http::ServerEvent event(fmt::format("line {}\nof two", ++number));
        event.id = std::to_string(number);
        event.retry = std::chrono::milliseconds(1);
        co_await events.send(event);
    }
}

}  // namespace

int main(int argc, char** argv) {
    net::ServerOptions program;
    net::Options options("Pages for a browser.");
    options.add_server_options(program);
    options.parse(argc, argv);
    std::string folder = (std::filesystem::temp_directory_path() / "stepwise_web_XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return 1;
    write_silence(std::filesystem::path(folder) / "silence.wav");
    std::string ranges;
    int code = 0;
    {
        const http::StaticFiles media(folder, "/media/");
        http::Router router;
        router.before([&ranges](const http::Request& request) -> std::optional<http::Response> {
            if (const auto range = request.headers().find("range")) ranges += std::string(*range) + "\n";
            return std::nullopt;
        });
        router.after(http::compress);
        router.get("/", [](const http::Request&) { return http::Response::html(std::string(page)); });
        router.get("/visits", count_visits);
        router.post("/form", show_form);
        router.get("/events", three_events);
        router.get("/ranges", [&ranges](const http::Request&) { return http::Response::text(ranges); });
        router.get("/media/{path...}", media.handler());
        router.get("/favicon.ico", [](const http::Request&) { return http::Response(204); });
        code = http::serve(std::move(router), program);
    }
    std::filesystem::remove_all(folder);
    return code;
}
