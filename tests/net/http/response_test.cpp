// What a handler gives: it cannot be made to say two things.
#include <doctest/doctest.h>

#include <stdexcept>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/status.hpp>

using namespace stepwise::http;
using namespace std::string_literals;

TEST_CASE("headers keep their order, and their names have no case") {
    Headers headers;
    headers.add("Set-Cookie", "a=1").add("set-cookie", "b=2").add("X", "y");
    CHECK(headers.size() == 3);
    CHECK(headers.find("SET-COOKIE") == "a=1");
    headers.set("Set-Cookie", *headers.find("set-cookie"));
    CHECK(headers.size() == 2);
    CHECK(headers.find("set-cookie") == "a=1");
    CHECK(headers.erase("x") == 1);
    CHECK(headers.erase("x") == 0);
    CHECK(!headers.contains("X"));
    headers.clear();
    CHECK(headers.empty());
}

TEST_CASE("a header that would split the response is refused") {
    Headers headers;
    for (const std::string& value : {"a\r\nSet-Cookie: b"s, "a\nb"s, "a\rb"s, "a\0b"s, "a\x7f"s}) {
        CAPTURE(value);
        CHECK_THROWS_AS(headers.add("X", value), std::invalid_argument);
        CHECK_THROWS_AS(headers.set("X", value), std::invalid_argument);
    }
    for (const std::string& name : {""s, "a b"s, "a:"s, "a\r\n"s, "\0"s, "caf\xc3\xa9"s}) {
        CAPTURE(name);
        CHECK_THROWS_AS(headers.add(name, "v"), std::invalid_argument);
    }
    CHECK(headers.empty());
}

TEST_CASE("a header that the writer makes is refused, with a hint") {
    Headers headers;
    for (const char* name :
         {"Content-Length", "content-length", "Transfer-Encoding", "Connection", "Date", "Keep-Alive"}) {
        CAPTURE(name);
        CHECK_THROWS_WITH_AS(headers.add(name, "5"), doctest::Contains("made by the writer"), std::invalid_argument);
    }
}

TEST_CASE("the short ways to a response set status, type and body") {
    CHECK(std::string_view(Response::text("a").content_type) == "text/plain; charset=utf-8");
    CHECK(std::string_view(Response::html("a").content_type) == "text/html; charset=utf-8");
    CHECK(std::string_view(Response::json("{}").content_type) == "application/json");
    CHECK(Response::json("{}").body == "{}");
    CHECK(Response(204).body.empty());
    CHECK(Response::error(404).body == "Not Found\n");
    CHECK(Response::error(404, "no such room").body == "no such room\n");
    CHECK(Response::error(404).status == 404);
    CHECK(!Response::error(404).close_connection);
}

TEST_CASE("a peer's mistake becomes a response that closes the connection") {
    const Response response = Response::error(stepwise::net::ProtocolError{431, "RFC 6585 §5", "too many"});
    CHECK(response.status == 431);
    CHECK(response.body == "too many\n");
    CHECK(response.close_connection);
}

TEST_CASE("a status has the phrase that the register gives it") {
    CHECK(reason_phrase(200) == "OK");
    CHECK(reason_phrase(431) == "Request Header Fields Too Large");
    CHECK(reason_phrase(299).empty());
    CHECK(reason_phrase(0).empty());
    CHECK(reason_phrase(-1).empty());
    CHECK(reason_phrase(99).empty());
    CHECK(reason_phrase(600).empty());
    CHECK(status_line(511) == "HTTP/1.1 511 Network Authentication Required\r\n");
    for (int status = 100; status < 600; ++status) {
        const std::string_view line = status_line(status);
        if (!line.empty()) CHECK(line.substr(9, 4) == std::to_string(status) + " ");
    }
}
