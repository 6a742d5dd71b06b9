// The examples in the headers of net/http/, between marks that name the header.
#include <stepwise/net/http/base64url.hpp>
#include <stepwise/net/http/client_connection.hpp>
#include <stepwise/net/http/cookies.hpp>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/http/multipart.hpp>
#include <stepwise/net/http/parameters.hpp>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/http/request_writer.hpp>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/net/http/serve.hpp>
#include <stepwise/net/http/signed_cookies.hpp>
#include <stepwise/net/http/status.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/net/http_support.hpp>

#include <signal.h>

using namespace net_test;

namespace {

http::Response hello(const http::Request& request) {
    //[ net/http/message.hpp
    std::string name = request.argument("name").value_or("you");
    return http::Response::text("Hello, " + name + "!\n");
    //]
}

Coro<http::Response> user(const http::Request& request) {
    std::string id(request.path_parameter("id").value_or(""));
    co_await sleep(0s);
    co_return http::Response::text(id);
}

http::Router hello_router() {
    //[ net/http/router.hpp
    http::Router router;
    router.get("/", hello);
    router.get("/users/{id}", user);
    //]
    return router;
}

http::Router routes() {
    EventLoop::current().call_soon([] { ::raise(SIGTERM); });
    return http::Router();
}

TEST_CASE("a program serves until it is told to end") {
    auto example = [] {
        net::ServerOptions options;
        //[ net/http/serve.hpp
        return http::serve(routes, options);
        //]
    };
    CHECK(example() == 0);
}

TEST_CASE("a server answers a fetch, and ends in order") {
    auto example = [](EventLoop& loop, http::Router router) -> Coro<std::string> {
        std::string logged;
        auto log = [&](const std::string& text) { logged = text; };
        //[ net/http/server.hpp
        http::Server server(loop, std::move(router));
        net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
        //]
        std::string url = "http://" + address.to_string() + "/?name=Ada";
        //[ net/http/fetch.hpp
        http::FetchResponse response = co_await http::fetch(url);
        if (!response.error) log(response.body);
        //]
        //[ net/http/server.hpp
        co_await server.shutdown(10s);
        //]
        co_return logged;
    };
    EventLoop loop;
    CHECK(loop.run_until_complete(example(loop, hello_router())) == "Hello, Ada!\n");
}

TEST_CASE("one connection asks for one thing after the other") {
    Served served(hello_router());
    auto example = [](net::Address address) -> Coro<int> {
        net::Stream stream = co_await net::Stream::connect(address);
        http::ParserLimits limits;
        std::string out;
        //[ net/http/request_writer.hpp
        net::StringSink sink(out);
        http::write_request_head(sink, {.target = "/users/7", .host = "example.com"});
        //]
        std::string_view head = out;
        //[ net/http/client_connection.hpp
        http::ClientConnection connection(std::move(stream), limits);
        connection.send("GET", head, "");
        http::ResponseEvent event = co_await connection.next_event();
        //]
        co_return std::get<http::StartOfResponse>(event).head->status();
    };
    CHECK(served.run(example(served.address)) == 200);
}

TEST_CASE("header fields are added and set") {
    http::Response response;
    //[ net/http/headers.hpp
    response.headers.set("Cache-Control", "no-store").add("Set-Cookie", "a=1").add("Set-Cookie", "b=2");
    //]
    CHECK(response.headers.size() == 3);
}

TEST_CASE("a status has a phrase") {
    //[ net/http/status.hpp
    std::string_view phrase = http::reason_phrase(404);
    //]
    CHECK(phrase == "Not Found");
}

TEST_CASE("a request is parsed as its bytes come") {
    std::string_view bytes = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    //[ net/http/parser.hpp
    http::RequestParser parser;
    parser.receive_data(bytes);
    http::Event event = parser.next_event();
    //]
    CHECK(std::get<http::StartOfMessage>(event).head->target() == "/");
}

TEST_CASE("a response is written, and parsed") {
    std::string out;
    http::Response response = http::Response::text("hello\n");
    //[ net/http/writer.hpp
    net::StringSink sink(out);
    http::write_response(sink, response, http::WriteOptions());
    //]
    std::string_view bytes = out;
    //[ net/http/response_parser.hpp
    http::ResponseParser parser;
    parser.expect_response("GET");
    parser.receive_data(bytes);
    http::ResponseEvent event = parser.next_event();
    //]
    CHECK(std::get<http::StartOfResponse>(event).head->status() == 200);
}

TEST_CASE("a target is taken apart") {
    //[ net/http/target.hpp
    std::optional<std::string> name = http::query_value("id=7&name=Ada+L", "name");
    bool safe = http::is_safe_path("/pages/%2e%2e/secret");
    //]
    CHECK(name == "Ada L");
    CHECK_FALSE(safe);
}

TEST_CASE("a cookie is read, set and signed") {
    http::Request request;
    http::Response response;
    //[ net/http/cookies.hpp
    std::optional<std::string_view> seen = http::find_cookie(request.headers(), "seen");
    http::set_cookie(response.headers, http::Cookie("seen", "yes").lasts(std::chrono::hours(24)));
    //]
    CHECK_FALSE(seen);
    CHECK(response.headers.find("Set-Cookie") == "seen=yes; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
    const std::string key_of_this_year = "0123456789abcdef";
    const std::string key_of_last_year = "fedcba9876543210";
    const http::CookieSigner::Time now{std::chrono::seconds(1'000'000)};
    //[ net/http/signed_cookies.hpp
    http::CookieSigner signer({key_of_this_year, key_of_last_year});
    std::string text = signer.sign("user", "ada", now);
    std::optional<std::string> user = signer.verify("user", text, std::chrono::hours(24), now);
    //]
    CHECK(user == "ada");
    //[ net/http/base64url.hpp
    std::string name = http::to_base64url("a/b?");
    std::optional<std::string> bytes = http::from_base64url(name);
    //]
    CHECK(name == "YS9iPw");
    CHECK(bytes == "a/b?");
}

TEST_CASE("a form with files is taken apart") {
    std::string_view content_type = "multipart/form-data; boundary=b";
    std::string_view body = "--b\r\nContent-Disposition: form-data; name=color\r\n\r\nred\r\n--b--";
    //[ net/http/parameters.hpp
    std::optional<std::string> boundary = http::find_parameter(content_type, "boundary");
    bool is_form = http::has_media_type(content_type, "multipart/form-data");
    //]
    CHECK(boundary == "b");
    CHECK(is_form);
    //[ net/http/multipart.hpp
    http::MultipartParser parser(http::multipart_boundary(content_type).value());
    parser.receive_data(body);
    http::MultipartEvent event = parser.next_event();
    //]
    CHECK(std::get<http::StartOfPart>(event).name == "color");
}

}  // namespace
