// What Tornado's words become here: one handler or one client an idiom, beside its twin in peers/from_tornado.py.
//
// For the page "From Tornado". It prints what the twin prints. Server and clients share one loop.
//
// Run:    ./stepwise run from_tornado
// Try:    take the origin out of options_of_chat. What does the client throw then, and what does the server tell?
// Prints: hello: 200 application/json Ada
//         hello: 400 without a name
//         …
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <stepwise/net/http/arguments.hpp>
#include <stepwise/net/http/cookies.hpp>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/json.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/http/signed_cookies.hpp>
#include <stepwise/net/http/static_files.hpp>
#include <stepwise/net/http/target.hpp>
#include <stepwise/net/http/template.hpp>
#include <stepwise/net/http/xsrf.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace stepwise;

std::string address;

http::CookieSigner::Time now() {
    return std::chrono::floor<std::chrono::seconds>(EventLoop::current().wall_time());
}

//[ hello
http::Response hello(const http::Request& request) {
    std::string name = http::get_argument(request, "name");  // 400 without it
    return http::json_response({{"hello", name}});
}
//]

//[ cookie
const http::CookieSigner signer({"a key that nobody can guess"});
constexpr std::chrono::days month(31);

http::Response visits(const http::Request& request) {
    std::string_view cookie = http::find_cookie(request.headers(), "visits").value_or("");
    std::string seen = signer.verify("visits", cookie, month, now()).value_or("0");
    int count = std::stoi(seen) + 1;
    http::Response response = http::Response::text(fmt::format("visit {}", count));
    std::string text = signer.sign("visits", std::to_string(count), now());
    http::set_cookie(response.headers, http::Cookie("visits", text).lasts(month));
    return response;
}
//]

//[ coroutine
Coro<std::size_t> length_of(std::string path) {
    http::FetchResponse response = co_await http::fetch(address + path);
    response.throw_if_failed();
    co_return response.body.size();
}

Coro<http::Response> later(const http::Request&) {
    std::size_t length = co_await length_of("/slow");
    co_return http::Response::text(fmt::format("{} bytes", length));
}
//]

Coro<http::Response> slow(const http::Request&) {
    co_await sleep(10ms);
    co_return http::Response::text("slowly");
}

//[ error
http::Response denied(const http::Request&) {
    throw http::HttpError(403, "not for you");
}
//]

http::Response echo(const http::Request& request) {
    return http::Response::text(
        fmt::format("{} {} {}", request.method(), request.headers().get("X-Kind"), request.body()));
}

//[ template
constexpr std::string_view home_text = R"(<h1>{{ name }}</h1>
<link rel="stylesheet" href="{{ static_url("site.css") }}">
<form method="post">{% raw field %}</form>
{% for film in films %}<li>{{ film }}</li>{% end %})";
//]

//[ page
struct Home {
    explicit Home(const std::string& folder)
        : files(folder, "/site/static/"),
          page("home.html", home_text, {{"static_url", [this](std::string_view path) { return files.url(path); }}}) {}

    http::Response get(const http::Request& request) {
        http::Response response = http::Response::html("");
        response.body = page.render({{"name", http::get_argument(request, "name")},
                                     {"films", {"Goddess", "Spring"}},
                                     {"field", xsrf.form_field(request, response)}});
        return response;
    }

    http::StaticFiles files;
    http::Template page;
    http::Xsrf xsrf{EventLoop::current().entropy()};
};

void add_home(http::Router& router, Home& home) {
    http::Router pages;
    pages.before([&home](const http::Request& request) { return home.xsrf.check(request); });
    pages.get("/home", [&home](const http::Request& request) { return home.get(request); });
    pages.post("/home", [](const http::Request&) { return http::Response::text("welcome"); });
    pages.get("/static/{path...}", home.files.handler());
    router.mount("/site", std::move(pages));
}
//]

//[ remote
http::Response where(const http::Request& request) {
    return http::Response::text(std::string(request.remote_ip()));
}
//]

//[ websocket
ws::ConnectionOptions options_of_chat() {
    ws::ConnectionOptions options;
    options.allowed_origins = {"http://page.example"};
    return options;
}

class Chat : public ws::WebSocketHandler {
public:
    void open() {
        name_ = request().argument("name").value_or("?");
        users.push_back(this);
        tell("came");
    }
    void on_message(std::string_view message) { tell("says " + std::string(message)); }
    void on_close() {
        std::erase(users, this);
        tell(fmt::format("left {}", static_cast<int>(close_code())));
    }

private:
    void tell(const std::string& text) {
        for (Chat* user : users) user->write_message(name_ + " " + text);
    }

    static inline std::vector<Chat*> users;
    std::string name_;
};
//]

http::Router routes(Home& home) {
    //[ application
    http::Router router;
    router.get("/hello", hello);
    router.get("/visits", visits);
    router.get("/later", later);
    router.get("/chat", ws::handler<Chat>(options_of_chat()));
    //]
    router.get("/slow", slow).get("/denied", denied).post("/echo", echo).get("/where", where);
    add_home(router, home);
    return router;
}

Coro<http::FetchResponse> get(std::string path, std::string field = {}, std::string value = {}) {
    http::FetchRequest request(address + path);
    if (!field.empty()) request.headers.set(field, value);
    return http::fetch(std::move(request));
}

std::string cookie_of(const http::FetchResponse& response) {
    std::string_view field = response.headers.get("Set-Cookie");
    return std::string(field.substr(0, field.find(';')));
}

Coro<> arguments() {
    http::FetchResponse response = co_await get("/hello?name=Ada");
    nlohmann::json said = nlohmann::json::parse(response.body);
    fmt::print("hello: {} {} {}\n", response.status, response.headers.get("Content-Type"),
               said["hello"].get<std::string>());
    response = co_await get("/hello");
    fmt::print("hello: {} without a name\n", response.status);
}

Coro<> cookies() {
    http::FetchResponse first = co_await get("/visits");
    http::FetchResponse second = co_await get("/visits", "Cookie", cookie_of(first));
    http::FetchResponse forged = co_await get("/visits", "Cookie", "visits=100");
    fmt::print("cookie: {}, {}; forged: {}\n", first.body, second.body, forged.body);
}

Coro<> coroutines() {
    http::FetchResponse response = co_await get("/later");
    fmt::print("coroutine: {}\n", response.body);
}

//[ parallel
Coro<> several() {
    auto [first, second] = co_await gather(http::fetch(address + "/slow"), http::fetch(address + "/hello?name=B"));
    fmt::print("list: {} {}\n", first.status, second.status);
}
//]

//[ fetch
Coro<> fetches() {
    http::FetchRequest request(address + "/echo");
    request.method = "POST";
    request.headers.set("X-Kind", "letter");
    request.body = "dear";
    http::FetchResponse response = co_await http::fetch(std::move(request));
    fmt::print("fetch: {} {} {}\n", response.status, response.reason, response.body);

    response = co_await http::fetch(address + "/nowhere");
    if (!response.error && !response.ok()) fmt::print("fetch: {}\n", response.status);  // 404 is an answer

    response = co_await http::fetch("http://127.0.0.1:1/");
    if (response.error->kind == http::FetchError::Kind::connect) fmt::print("fetch: refused\n");
}
//]

Coro<> errors() {
    http::FetchResponse response = co_await get("/denied");
    fmt::print("error: {}\n", response.status);
}

Coro<> pages() {
    http::FetchResponse page = co_await get("/site/home?name=Ada+%3C3");
    std::string_view text = page.body;
    std::size_t films = 0;
    for (std::size_t at = text.find("<li>"); at != text.npos; at = text.find("<li>", at + 1)) ++films;
    fmt::print("page: {} versioned {} films {}\n", text.substr(0, text.find('\n')),
               text.find("site.css?v=") != text.npos, films);
    std::string_view token = text.substr(text.find("value=\"") + 7);
    for (std::string fields : {std::string(), "_xsrf=" + std::string(token.substr(0, token.find('"')))}) {
        http::FetchRequest request(address + "/site/home");
        request.method = "POST";
        request.headers.set("Cookie", cookie_of(page)).set("Content-Type", "application/x-www-form-urlencoded");
        request.body = fields;
        http::FetchResponse posted = co_await http::fetch(std::move(request));
        fmt::print("xsrf: {}\n", posted.status);
    }
}

Coro<> places() {
    http::FetchResponse response = co_await get("/where", "X-Forwarded-For", "192.0.2.7");
    fmt::print("remote: {}\n", response.body);
}

Coro<> hear(ws::Connection& connection) {
    auto message = co_await connection.receive();
    fmt::print("chat: {}\n", message->data());
}

Coro<> talk() {
    std::string url = "ws" + address.substr(4) + "/chat?name=";
    ws::ConnectOptions from_page;
    from_page.headers.set("Origin", "http://page.example");
    ws::ClientConnection ada = co_await ws::connect(url + "Ada", from_page);
    co_await hear(*ada);
    ws::ClientConnection bob = co_await ws::connect(url + "Bob", from_page);
    co_await hear(*ada);
    co_await bob->send("hi");
    co_await hear(*ada);
    bob->close();
    co_await hear(*ada);
}

// A folder with one file in it, for as long as the program runs.
struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "stepwise-tornado-XXXXXX").string()) {
        if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp(" + path + ")");
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string path;
};

Coro<> everything() {
    Folder folder;
    co_await write_file(folder.path + "/site.css", "h1 { color: green }");
    Home home(folder.path);
    //[ listen
    http::ServerOptions options;
    options.trusted_proxies = http::TrustedProxies({"127.0.0.1"});
    http::Server server(EventLoop::current(), routes(home), std::move(options));
    //]
    address = "http://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string();
    for (auto part : {arguments, cookies, coroutines, several, fetches, errors, pages, places, talk}) {
        co_await part();
    }
    co_await server.shutdown(1s);
}

}  // namespace

int main(int argc, char** argv) {
    net::parse_demo_options(argc, argv, "What Tornado's words become here.");
    run(everything());
}
