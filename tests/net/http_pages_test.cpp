// A server's log, and what it believes of where requests come from and who sends them.
#include <stepwise/tests/net/http_support.hpp>

#include <fcntl.h>
#include <stepwise/net/http/access_log.hpp>
#include <stepwise/net/http/error_page.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/request_body.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/trusted_proxies.hpp>
#include <stepwise/net/http/xsrf.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/left_out.hpp>
#include <stepwise/tests/net/http/request_of.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;
using http::test::request_of;

namespace {

constexpr int first_line = __LINE__;

Coro<> fails() {
    co_await sleep(0s);  // first_line + 3
    throw std::runtime_error("<script>");
}

Coro<> passes_on() {
    co_await fails();  // first_line + 8
}

Coro<Response> answer_of_failing(const Request&) {
    co_await passes_on();  // first_line + 12
    co_return Response::text("");
}

Coro<> stream_of_failing(const Request&, http::ResponseWriter&) {
    co_await passes_on();  // first_line + 17
}

Coro<Response> body_of_failing(const Request&, http::RequestBody&) {
    try {
        co_await passes_on();  // first_line + 22
    } catch (const std::runtime_error&) {
        std::throw_with_nested(std::logic_error("for that reason"));
    }
    co_return Response::text("");
}

// The page without the folders of its files.
std::string without_folders(std::string page) {
    for (std::size_t file = 0; (file = page.find("http_pages_test.cpp", file)) != page.npos;) {
        const std::size_t begin = page.rfind(' ', file) + 1;
        page.erase(begin, file - begin);
        file = begin + 1;
    }
    return page;
}

std::string at(int line, const char* function) {
    return fmt::format("at http_pages_test.cpp:{}, in {}()", first_line + line, function);
}

Coro<> stream(const Request&, http::ResponseWriter& out) {
    co_await out.write("12345678");
}

}  // namespace

TEST_CASE("the log has a line for each answer, which no client can forge") {
    Served served;
    std::vector<std::string> lines;
    http::ServerOptions options;
    options.on_answered = [&](const http::Answered& answered) {
        const std::string line = http::access_line(answered);
        const std::size_t begin = line.find('"');
        lines.push_back(line.substr(0, 10) + line.substr(begin, line.rfind(' ') - begin));
    };
    Router router;
    router.get("/", [](const Request&) { return Response::text("hello"); });
    router.get("/stream", stream);
    served.serve(std::move(router), options);
    Peer client = served.connect();
    client.send(get("/?q=1", "User-Agent: \"x\" \\\xff\r\nReferer: http://a/\r\n") + get("/stream") +
                "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n" + get("/none") + "BAD\r\n\r\n");
    client.read_to_end();
    const std::vector<std::string> expected = {
        R"(127.0.0.1 "GET /?q=1 HTTP/1.1" 200 5 "http://a/" "\x22x\x22 \x5c\xff")",
        R"(127.0.0.1 "GET /stream HTTP/1.1" 200 8 "-" "-")",
        R"(127.0.0.1 "HEAD / HTTP/1.1" 200 0 "-" "-")",
        R"(127.0.0.1 "GET /none HTTP/1.1" 404 10 "-" "-")",
    };
    REQUIRE(lines.size() == 5);
    CHECK(std::vector(lines.begin(), lines.end() - 1) == expected);
    CHECK(lines[4].starts_with(R"(127.0.0.1 "-" 400 )"));
}

TEST_CASE("lines are gathered and written to the file, also those that the end finds") {
    if (is_left_out_on_simulator("the file is read by the test")) return;
    const std::string path = "/tmp/stepwise_access_" + std::to_string(::getpid());
    ::unlink(path.c_str());
    const auto lines_in_file = [&] {
        std::string text(1'000'000, '\0');
        UniqueFd file(::open(path.c_str(), O_RDONLY));
        text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(file.get(), text.data(), text.size()))));
        return std::count(text.begin(), text.end(), '\n');
    };
    World world;
    std::optional<http::AccessLog> log;
    world.loop().call_soon([&] { log.emplace(path); });
    world.turns(2);
    const Request request = request_of("GET", "/x");
    const http::Answered answered{request, 200, 5, std::chrono::system_clock::time_point(1s), 1500us};
    CHECK(http::access_line(answered) ==
          "- - - [01/Jan/1970:00:00:01 +0000] \"GET /x HTTP/1.1\" 200 5 \"-\" \"-\" 0.001500");
    world.loop().call_soon([&] {
        for (int count = 0; count < 3; ++count) (*log)(answered);
    });
    world.turns(2);
    CHECK(lines_in_file() == 0);
    world.pass(2s);
    world.run_until([&] { return lines_in_file() == 3; });
    world.settle();
    world.loop().call_soon([&] { (*log)(answered); });
    world.turns(2);
    log.reset();
    CHECK(lines_in_file() == 4);
    ::unlink(path.c_str());
}

TEST_CASE("a forwarded address counts as far as our own proxies have said it") {
    const http::TrustedProxies proxies({"10.0.0.0/8", "2001:db8::/32", "192.0.2.7"});
    const auto client = [&](std::string_view peer, const std::string& fields) {
        return std::string(proxies.client_of(request_of("GET", "/", fields), peer));
    };
    CHECK(client("10.1.2.3", "X-Forwarded-For: 203.0.113.9\r\n") == "203.0.113.9");
    CHECK(client("203.0.113.1", "X-Forwarded-For: 203.0.113.9\r\n") == "203.0.113.1");
    CHECK(client("10.1.2.3", "") == "10.1.2.3");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.9.9.9\r\n") == "203.0.113.9");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7\r\n") == "203.0.113.9");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 203.0.113.9, nonsense\r\n") == "10.1.2.3");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 10.4.4.4, 10.5.5.5\r\n") == "10.4.4.4");
    CHECK(client("2001:db8::1", "X-Forwarded-For: [2001:db9::2]:443\r\n") == "2001:db9::2");
    CHECK(client("::ffff:10.0.0.1", "X-Forwarded-For: 203.0.113.9:8080\r\n") == "203.0.113.9");
    CHECK(client("", "X-Forwarded-For: 203.0.113.9\r\n") == "");
    CHECK(proxies.trusts("10.255.0.1"));
    CHECK_FALSE(proxies.trusts("11.0.0.1"));
    for (std::string text : {"", "10.0.0.0/33", "10.0.0/8", "x", "10.0.0.0/", "::/129", "10.0.0.0/8x"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(http::TrustedProxies({text}), std::invalid_argument);
    }
}

TEST_CASE("the server says whose address it is") {
    Served served;
    http::ServerOptions options;
    options.trusted_proxies = http::TrustedProxies({"127.0.0.0/8"});
    Router router;
    router.get("/", [](const Request& request) { return Response::text(std::string(request.remote_ip())); });
    served.serve(std::move(router), options);
    Peer client = served.connect();
    client.send(get("/", "X-Forwarded-For: 203.0.113.9\r\n"));
    CHECK(read_answer(client).body == "203.0.113.9");
}

TEST_CASE("a request is as secure as its connection, or as our own proxy says in one word") {
    const http::TrustedProxies proxies({"10.0.0.0/8"});
    const auto is_secure = [&](std::string_view peer, std::string_view fields, bool peer_is_secure = false) {
        const Request request = request_of("GET", "/", fields);
        return proxies.is_secure(request, peer, peer_is_secure);
    };
    CHECK(is_secure("10.0.0.1", "X-Forwarded-Proto: https\r\n"));
    CHECK(is_secure("10.0.0.1", "X-Forwarded-Proto: HTTPS\r\n"));
    CHECK_FALSE(is_secure("10.0.0.1", "X-Forwarded-Proto: http\r\n", true));
    CHECK_FALSE(is_secure("192.0.2.1", "X-Forwarded-Proto: https\r\n"));
    CHECK(is_secure("192.0.2.1", "X-Forwarded-Proto: http\r\n", true));
    CHECK_FALSE(is_secure("10.0.0.1", "X-Forwarded-Proto: https, http\r\n"));
    CHECK_FALSE(is_secure("10.0.0.1", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n"));
    CHECK(is_secure("10.0.0.1", "", true));
    CHECK_FALSE(is_secure("10.0.0.1", ""));
    Served served;
    http::ServerOptions options;
    Router router;
    router.get("/", [](const Request& request) { return Response::text(std::string(request.scheme())); });
    SUBCASE("nobody is trusted") {}
    SUBCASE("the proxy is trusted") {
        options.trusted_proxies = http::TrustedProxies({"127.0.0.0/8"});
    }
    const bool trusts = !options.trusted_proxies.empty();
    served.serve(std::move(router), options);
    Peer client = served.connect();
    client.send(get("/", "X-Forwarded-Proto: https\r\n") + get("/"));
    CHECK(read_answer(client).body == (trusts ? "https" : "http"));
    CHECK(read_answer(client).body == "http");
}

TEST_CASE("an HttpError is its status and its sentence, and no failure") {
    Served served;
    Router router;
    router.get("/", [](const Request&) -> Response { throw http::HttpError(403, "not for you"); });
    served.serve(std::move(router));
    Peer client = served.connect();
    client.send(get("/"));
    Answer answer = read_answer(client);
    CHECK(answer.status == 403);
    CHECK(answer.body == "not for you\n");
    CHECK(served.lost.empty());
}

TEST_CASE("in debug mode an error page says what was thrown") {
    const auto error = std::make_exception_ptr(std::runtime_error("the <cause>"));
    CHECK(http::error_page(error, "the handler of GET /", false).body == "Internal Server Error\n");
    const std::string body = http::error_page(error, "the handler of GET /", true).body;
    CHECK(body.find("the handler of GET / has thrown:\n  std::runtime_error: the <cause>\n") != std::string::npos);
}

TEST_CASE("in debug mode the page of a coroutine has the chain of its awaits, as plain text; else it is one line") {
    EventLoop::Options loop_options;
    SUBCASE("in debug mode") {
        loop_options.debug = true;
    }
    SUBCASE("not in debug mode") {
        loop_options.debug = false;
    }
    const bool debugs = loop_options.debug == true;
    World world(loop_options);
    Router router;
    router.get("/coroutine", answer_of_failing);
    router.get("/stream", stream_of_failing);
    router.get("/body", body_of_failing);
    http::Server server(world.loop(), std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    Peer client = Peer::connect(world, address);
    client.send(get("/coroutine") + get("/stream") + get("/body"));
    const std::string cause = "  std::runtime_error: <script>\n";
    const std::string thrown = "    " + at(3, "fails") + ", or soon after it\n    awaited " + at(8, "passes_on") + "\n";
    const std::vector<std::string> told{
        cause + thrown + "    awaited " + at(12, "answer_of_failing") + "\n  its route was made at ",
        cause + thrown + "    awaited " + at(17, "stream_of_failing") + "\n  its route was made at ",
        "    " + at(22, "body_of_failing") + ", or soon after it\n" + cause + thrown + "  its route was made at "};
    for (const std::string& chain : told) {
        CAPTURE(chain);
        const Answer answer = read_answer(client);
        CHECK(answer.status == 500);
        CHECK(answer.has("Content-Type: text/plain; charset=utf-8\r\n"));
        CHECK(answer.has("X-Content-Type-Options: nosniff\r\n") == debugs);
        if (!debugs) {
            CHECK(answer.body == "Internal Server Error\n");
            continue;
        }
        CHECK_MESSAGE(without_folders(answer.body).find(chain) != std::string::npos, answer.body);
    }
    CHECK(world.lost.size() == 3);
}

TEST_CASE("a form is taken with the token of its cookie only, which looks different each time") {
    World world;
    http::Xsrf xsrf(world.loop().entropy());
    Response page;
    const std::string token = xsrf.token(request_of("GET", "/"), page);
    const std::string set_cookie(page.headers.find("Set-Cookie").value_or(""));
    REQUIRE(set_cookie.starts_with("_xsrf="));
    const std::string cookie = "Cookie: " + set_cookie.substr(0, set_cookie.find(';')) + "\r\n";
    const std::string form = cookie + "Content-Type: application/x-www-form-urlencoded\r\n";
    Response again;
    const std::string other = xsrf.token(request_of("GET", "/", cookie), again);
    CHECK(other != token);
    CHECK_FALSE(again.headers.contains("Set-Cookie"));
    for (const std::string& good : {token, other}) {
        CHECK_FALSE(xsrf.check(request_of("POST", "/", form, "_xsrf=" + good)));
        CHECK_FALSE(xsrf.check(request_of("DELETE", "/", cookie + "X-XSRF-Token: " + good + "\r\n")));
    }
    CHECK_FALSE(xsrf.check(request_of("GET", "/")));
    const auto status = [&](const std::string& fields, const std::string& body) {
        const std::optional<Response> refusal = xsrf.check(request_of("POST", "/", fields, body));
        return refusal ? refusal->status : 200;
    };
    std::string wrong = token;
    wrong[0] = wrong[0] == 'A' ? 'B' : 'A';
    CHECK(status(form, "_xsrf=" + wrong) == 403);
    CHECK(status(form, "") == 403);
    CHECK(status(form, "_xsrf=" + set_cookie.substr(6, set_cookie.find(';') - 6)) == 403);
    CHECK(status("Content-Type: application/x-www-form-urlencoded\r\n", "_xsrf=" + token) == 403);
    CHECK(status("Cookie: _xsrf=\r\n", "") == 403);
    CHECK(xsrf.form_field(request_of("GET", "/", cookie), again)
              .starts_with("<input type=\"hidden\" name=\"_xsrf\" value=\""));
}
