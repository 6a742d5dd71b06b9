// One handler written three times: with a callback, as a coroutine, and as a coroutine with its question split out.
//
// The demo before it: 17_thread_push. New: http::Responder, an answer that is kept and given later; and what becomes of
// errors in the two styles. The upstream is a stub in the same program: nothing here needs the internet.
// Run:    ./stepwise run 18 [--lang zh|en] [--scale 0.1]
// Try:    take try and catch out of on_response. Who hears now that the answer was garbled, and what is the client
// told?
//         Ask popular, drama and jazz in /list. Who waits for the two others when jazz has failed?
// Prints: [ 0.0 s] -- 1: one answer, three handlers
//         [ 1.0 s] popular: 200 from all three, the same 143 bytes
//         [ 1.0 s]   {"ret":1,"subjects":["Spring in a Small Town","Yellow Earth"]}
//         [ 1.0 s] -- 2: what goes wrong upstream the client hears from each alike
//         [ 1.5 s] jazz: 404 from all three: no such genre
//         and so on, to a Responder that is dropped, and one that is asked to answer twice
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/json.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/thread.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
using namespace std::chrono_literals;
using nlohmann::json;
using stepwise::Coro;
using stepwise::EventLoop;

const auto start = stepwise::this_thread::now();
net::DemoOptions options;
std::string server_url;  // "http://127.0.0.1:PORT"

void say(const std::string& zh, const std::string& en);
void say(const std::string& text) {
    say(text, text);
}
Coro<> wait(std::chrono::milliseconds duration);

// ---- The upstream: which films are there of a genre? It takes a second to say so.

Coro<http::Response> films(const http::Request& request) {
    const std::string genre = request.argument("genre").value_or("");
    const auto delay = genre == "popular" || genre == "drama" ? 1s : 500ms;
    co_await wait(delay);
    if (genre == "popular") {
        co_return http::json_response({{"ret", 1}, {"subjects", {"Spring in a Small Town", "Yellow Earth"}}});
    }
    if (genre == "drama") co_return http::json_response({{"ret", 1}, {"subjects", {"The Goddess"}}});
    if (genre == "jazz") co_return http::json_response({{"ret", 0}, {"message", "no such genre"}});
    if (genre == "garbled") co_return http::Response::json(R"({"ret:0"})");
    co_return http::Response::error(503);
}

// At "closed" nobody listens.
std::string upstream_url(const std::string& genre) {
    return (genre == "closed" ? "http://127.0.0.1:1" : server_url) + "/films?genre=" + genre;
}

// What the upstream means. Throws what the client is to be told: 502 says that it is not our fault.
json data_of(const http::FetchResponse& response) {
    if (response.error) throw http::HttpError(502, "the upstream cannot be asked");
    if (!response.ok()) throw http::HttpError(502, fmt::format("the upstream says {}", response.status));
    json data = json::parse(response.body, nullptr, false);
    if (!data.is_object() || !data.contains("ret")) throw http::HttpError(502, "this is no answer: " + response.body);
    if (data["ret"] != 1) throw http::HttpError(404, data.value("message", "the upstream does not know why"));
    return data;
}

std::string genre_of(const http::Request& request) {
    return request.argument("genre").value_or("popular");
}

// ---- The three handlers

//[ callback
// The function has returned long before there is an answer, so what was to follow stands in another one.
void on_response(http::Responder& responder, const http::FetchResponse& response) {
    try {
        responder.send(http::json_response(data_of(response)));
    } catch (const http::HttpError& error) {  // nobody else would: whoever called us knows nothing of the request
        responder.send(http::Response::error(error.status(), error.what()));
    }
}

void students1(const http::Request& request, http::Responder responder) {
    auto kept = std::make_shared<http::Responder>(std::move(responder));
    http::fetch(EventLoop::current(), upstream_url(genre_of(request)),
                [kept](const http::FetchResponse& response) { on_response(*kept, response); });
}
//]

//[ coroutine
// Waits where it asks. What data_of throws goes where the request came from.
Coro<http::Response> students2(const http::Request& request) {
    http::FetchResponse response = co_await http::fetch(upstream_url(genre_of(request)));
    co_return http::json_response(data_of(response));
}
//]

//[ split
// The question alone: others may ask it, too. Its value goes to whoever awaits it, and so does what it throws.
Coro<json> get_data(std::string genre) {
    http::FetchResponse response = co_await http::fetch(upstream_url(genre));
    co_return data_of(response);
}

Coro<http::Response> students3(const http::Request& request) {
    json data = co_await get_data(genre_of(request));
    co_return http::json_response(data);
}
//]

// ---- Several questions at once

//[ list
// /list/popular/drama: a list in the order in which it was asked.
Coro<http::Response> list(const http::Request& request) {
    std::vector<Coro<json>> questions;
    for (const char* place : {"first", "second"}) {
        questions.push_back(get_data(std::string(request.path_parameter(place).value())));
    }
    const std::vector<json> answers = co_await stepwise::gather(std::move(questions));
    co_return http::json_response(answers);
}
//]

//[ map
Coro<http::Response> by_name(const http::Request&) {
    std::map<std::string, Coro<json>> questions;
    questions.emplace("tonight", get_data("drama"));
    questions.emplace("tomorrow", get_data("popular"));
    const std::map<std::string, json> answers = co_await stepwise::gather(std::move(questions));
    co_return http::json_response(answers);
}
//]

// ---- Two mistakes that only callbacks can make

void forgotten(const http::Request&, http::Responder) {}

//[ twice
// Tornado's send_error() finishes a request, and finish() would do it again.
void twice(const http::Request&, http::Responder responder) {
    responder.send(http::Response::error(500));
    responder.send(http::Response::text("and once more"));
}
//]

http::Router routes() {
    http::Router router;
    router.get("/films", films);
    router.get("/students1", students1).get("/students2", students2).get("/students3", students3);
    router.get("/list/{first}/{second}", list).get("/by_name", by_name);
    router.get("/forgotten", forgotten).get("/twice", twice);
    router.get("/ping", [](const http::Request&) { return http::Response::text("pong"); });
    return router;
}

// ---- The client

// The response as it was sent, without the fields that tell of the time.
std::string bytes_of(const http::FetchResponse& response) {
    std::string bytes = fmt::format("{} {}\r\n", response.status, response.reason);
    for (const auto& field : response.headers) {
        if (field.name != "Date") bytes += fmt::format("{}: {}\r\n", field.name, field.value);
    }
    return bytes + "\r\n" + response.body;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

Coro<http::FetchResponse> ask_all_three(std::string genre) {
    std::vector<Coro<http::FetchResponse>> questions;
    for (const char* path : {"/students1", "/students2", "/students3"}) {
        questions.push_back(http::fetch(server_url + path + "?genre=" + genre));
    }
    std::vector<http::FetchResponse> answers = co_await stepwise::gather(std::move(questions));
    const std::string bytes = bytes_of(answers[0]);
    for (const http::FetchResponse& answer : answers) {
        if (bytes_of(answer) != bytes) throw std::logic_error("different: " + bytes + "\n" + bytes_of(answer));
    }
    co_return std::move(answers[0]);
}

Coro<> all_goes_well() {
    say("-- 1: 三个处理函数，一个答案", "-- 1: one answer, three handlers");
    http::FetchResponse answer = co_await ask_all_three("popular");
    const std::size_t size = bytes_of(answer).size();
    say(fmt::format("popular: 三个都是 {}，同样的 {} 个字节", answer.status, size),
        fmt::format("popular: {} from all three, the same {} bytes", answer.status, size));
    say("  " + answer.body);
}

Coro<> something_goes_wrong() {
    say("-- 2: 上游出的错，三个给客户端的说法也一样",
        "-- 2: what goes wrong upstream the client hears from each alike");
    for (const char* genre : {"jazz", "garbled", "busy", "closed"}) {
        http::FetchResponse answer = co_await ask_all_three(genre);
        say(fmt::format("{}: 三个都是 {}: {}", genre, answer.status, first_line(answer.body)),
            fmt::format("{}: {} from all three: {}", genre, answer.status, first_line(answer.body)));
    }
}

Coro<> others_are_served() {
    say("-- 3: 一个在等，别的照样有人管", "-- 3: while one waits, others are served");
    stepwise::Task<http::FetchResponse> waiting =
        EventLoop::current().create_task(http::fetch(server_url + "/students2"));
    int answered = 0;
    for (; !waiting.done(); ++answered) {
        http::FetchResponse pong = co_await http::fetch(server_url + "/ping");
        pong.throw_if_failed();
        co_await wait(300ms);
    }
    say(fmt::format("/students2 在等的时候，/ping 答了 {} 次", answered),
        fmt::format("/ping was answered {} times while /students2 waited", answered));
}

Coro<> several_at_once() {
    say("-- 4: 两个问题一起问", "-- 4: two questions at once");
    for (const char* path : {"/list/popular/drama", "/by_name", "/list/popular/jazz"}) {
        say("问 " + std::string(path), std::string(path) + " is asked");
        http::FetchResponse answer = co_await http::fetch(server_url + path);
        say(fmt::format("  {} {}", answer.status, first_line(answer.body)));
    }
    co_await wait(1s);  // the question for popular goes on: an error does not stop its siblings
}

// One connection for all, to see that it lives on.
Coro<> mistakes_are_told() {
    say("-- 5: 只有回调才会犯的两个错", "-- 5: two mistakes that only callbacks can make");
    const auto told = [](const std::string& text) { say("报告: " + text, "told: " + text); };
    stepwise::set_lint_handler([told](const stepwise::Lint& lint) { told(lint.cause); });
    EventLoop::current().set_exception_handler([told](const std::exception_ptr& error, std::string_view) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& known) {
            told(known.what());
        }
    });
    http::Client client(EventLoop::current());
    for (const char* path : {"/forgotten", "/twice", "/ping"}) {
        http::FetchResponse answer = co_await client.fetch(server_url + path);
        const std::size_t resting = client.idle_count();
        say(fmt::format("{}: {} {}，歇着的连接: {}", path, answer.status, first_line(answer.body), resting),
            fmt::format("{}: {} {}, connections that rest: {}", path, answer.status, first_line(answer.body), resting));
    }
    stepwise::set_lint_handler(nullptr);
}

Coro<> serve_and_ask() {
    http::Server server(EventLoop::current(), routes());
    server_url = "http://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string();

    co_await all_goes_well();
    co_await something_goes_wrong();
    co_await others_are_served();
    co_await several_at_once();
    co_await mistakes_are_told();
}

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> seconds = stepwise::this_thread::now() - start;
    fmt::print("[{:4.1f} s] {}\n", seconds.count() / options.scale,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

Coro<> wait(std::chrono::milliseconds duration) {
    const auto scaled = std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
    co_await stepwise::sleep(scaled);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "One handler three times: a callback, a coroutine, two coroutines.");

    stepwise::run(serve_and_ask());
}
