// The examples in the headers of net/http/ that are about serving, between marks that name the header.
#include <stepwise/net/http/access_log.hpp>
#include <stepwise/net/http/arguments.hpp>
#include <stepwise/net/http/beneath.hpp>
#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/http/conditional.hpp>
#include <stepwise/net/http/error_page.hpp>
#include <stepwise/net/http/event_stream.hpp>
#include <stepwise/net/http/handler.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/json.hpp>
#include <stepwise/net/http/ranges.hpp>
#include <stepwise/net/http/request_body.hpp>
#include <stepwise/net/http/responder.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/static_files.hpp>
#include <stepwise/net/http/template.hpp>
#include <stepwise/net/http/trusted_proxies.hpp>
#include <stepwise/net/http/xsrf.hpp>
#include <stepwise/tests/net/http_support.hpp>

#include <nlohmann/json.hpp>
#include <stepwise/tests/net/http/request_of.hpp>

#include <unistd.h>

#include <filesystem>

using namespace net_test;
using http::test::request_of;

namespace {

http::Response hello(const http::Request&) {
    return http::Response::text("hello");
}

Coro<http::Response> user(const http::Request&) {
    co_return http::Response::text("user");
}

Coro<http::Response> upload(const http::Request&, http::RequestBody& body) {
    //[ net/http/request_body.hpp
    std::size_t bytes = 0;
    for (std::string_view piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) {
        bytes += piece.size();
    }
    //]
    co_return http::Response::text(std::to_string(bytes));
}

Coro<> download(const http::Request&, http::ResponseWriter& out) {
    //[ net/http/response_writer.hpp
    out.head().content_type = "text/plain";
    for (int number = 0; number < 1000; ++number) {
        std::string line = std::to_string(number) + "\n";
        co_await out.write(line);
    }
    //]
}

Coro<> ticks(const http::Request& request, http::ResponseWriter& out) {
    //[ net/http/event_stream.hpp
    http::EventStream events(request, out);
    http::ServerEvent event("tick");
    co_await events.send(event);
    //]
}

void ask(const http::Request&, http::Responder responder) {
    EventLoop& loop = EventLoop::current();
    //[ net/http/responder.hpp
    auto kept = std::make_shared<http::Responder>(std::move(responder));
    loop.call_later(10ms, [kept] { kept->send(http::Response::text("later")); });
    //]
}

http::Response guarded(const http::Request& request) {
    const bool may_read = request.argument("key") == "right";
    //[ net/http/http_error.hpp
    if (!may_read) throw http::HttpError(403, "this page is for its author");
    //]
    return http::Response::text("read");
}

http::Router all_routes() {
    http::Router router;
    //[ net/http/handler.hpp
    router.get("/", hello);
    router.get("/user", user);
    router.post("/upload", upload);
    router.get("/download", download);
    router.get("/ask", ask);
    //]
    router.get("/ticks", ticks).get("/guarded", guarded);
    //[ net/http/compress.hpp
    router.after(http::compress);
    //]
    return router;
}

TEST_CASE("each kind of handler answers") {
    Served served(all_routes());
    Peer client = served.connect();
    client.send(get("/") + get("/user") + post("/upload", "12345") + get("/guarded"));
    CHECK(read_answer(client).body == "hello");
    CHECK(read_answer(client).body == "user");
    CHECK(read_answer(client).body == "5");
    CHECK(read_answer(client).status == 403);
    client.send(get("/download"));
    CHECK(client.read_until("999\n\r\n0\r\n\r\n").find("\n500\n") != std::string::npos);
    client.send(get("/ticks"));
    CHECK(client.read_until("0\r\n\r\n").find("data: tick\n\n") != std::string::npos);
    client.send(get("/ask"));
    served.settle();
    served.pass(1s);
    CHECK(read_answer(client).body == "later");
}

TEST_CASE("what a handler asks of its request") {
    const http::Request request =
        request_of("POST", "/?name=Ada&tag=a&tag=b", "Content-Type: application/json\r\n", R"({"total": 12})");
    //[ net/http/arguments.hpp
    std::string name = http::get_argument(request, "name");
    std::string page = http::get_argument(request, "page", "1");
    std::vector<std::string> tags = http::get_arguments(request, "tag");
    //]
    CHECK(name + page == "Ada1");
    CHECK(tags.size() == 2);
    //[ net/http/json.hpp
    nlohmann::json order = http::json_of(request);
    http::Response response = http::json_response({{"id", 7}, {"total", order.at("total")}});
    //]
    CHECK(response.body == R"({"id":7,"total":12})");
    //[ net/http/trusted_proxies.hpp
    http::TrustedProxies proxies({"10.0.0.0/8", "2001:db8::1"});
    std::string_view client = proxies.client_of(request, "10.1.2.3");
    //]
    CHECK(client == "10.1.2.3");
}

TEST_CASE("validators and ranges") {
    const http::Request request = request_of("GET", "/", "If-None-Match: \"v7\"\r\n");
    const std::time_t changed_at = 0;
    //[ net/http/conditional.hpp
    http::Validators validators{.etag = R"("v7")", .last_modified = changed_at};
    http::Precondition result = http::check_preconditions(request, validators);
    //]
    CHECK(result == http::Precondition::not_modified);
    //[ net/http/ranges.hpp
    std::optional<http::ByteRanges> ranges = http::parse_ranges("bytes=0-99,-100", 1000);
    //]
    CHECK(ranges->size() == 2);
}

TEST_CASE("pages") {
    //[ net/http/template.hpp
    http::Template page("hello.html", "<h1>Hello, {{ user.name }}!</h1>");
    http::Response response = http::Response::html(page.render({{"user", {{"name", "Ada <3"}}}}));
    //]
    CHECK(response.body == "<h1>Hello, Ada &lt;3!</h1>");
    World world;
    EventLoop& loop = world.loop();
    try {
        throw std::runtime_error("trouble");
    } catch (...) {
        //[ net/http/error_page.hpp
        http::Response page = http::error_page(std::current_exception(), "the handler of GET /", loop.debug());
        //]
        CHECK(page.status == 500);
    }
}

TEST_CASE("forms, files and a log") {
    const std::string folder = "/tmp/stepwise_examples_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder + "/public");
    std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(folder);
    World world;
    world.loop().call_soon([&loop = world.loop()] {
        http::Router router;
        const http::Request request = request_of("GET", "/");
        http::Response response;
        //[ net/http/xsrf.hpp
        http::Xsrf xsrf(loop.entropy());
        router.before([&xsrf](const http::Request& request) { return xsrf.check(request); });
        std::string field = xsrf.form_field(request, response);
        //]
        CHECK(field.starts_with("<input"));
        //[ net/http/static_files.hpp
        http::StaticFiles files("public", "/static/");
        router.get("/static/{path...}", files.handler());
        std::string url = files.url("css/site.css");
        //]
        CHECK(url == "/static/css/site.css");
        //[ net/http/beneath.hpp
        http::FolderRoot root("public");
        std::optional<struct stat> status = root.status("css/site.css");
        //]
        CHECK_FALSE(status);
        //[ net/http/access_log.hpp
        http::AccessLog log("access.log");
        http::ServerOptions options;
        options.on_answered = std::ref(log);
        //]
        CHECK(options.on_answered);
    });
    world.turns(2);
    CHECK(world.lost.empty());
    std::filesystem::current_path(before);
    std::filesystem::remove_all(folder);
}

}  // namespace
