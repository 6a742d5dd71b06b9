// Where a response ends, and what is refused: RFC 9112 §6.3, §8, §9.3, RFC 9110 §8.6.
#include <stepwise/tests/net/http/response_support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

std::string ok(const std::string& fields, const std::string& body = {}) {
    return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}

Asked asked_with(std::string_view method, bool and_ends = false) {
    return {{method}, and_ends};
}

}  // namespace

TEST_CASE("a response is as long as its Content-Length says") {
    CHECK(responses_of(ok("Content-Length: 5\r\n", "hello")) ==
          "head(200 OK 1.1 keep-alive length 5; Content-Length: 5) body(hello) end");
    CHECK(responses_of(ok("Content-Length: 0\r\n")) == "head(200 OK 1.1 keep-alive length 0; Content-Length: 0) end");
    CHECK(responses_of(ok("Content-Length: 9\r\n", "hell")) ==
          "head(200 OK 1.1 keep-alive length 9; Content-Length: 9) body(hell)");
}

TEST_CASE("a chunked response ends with its last chunk and its trailers") {
    CHECK(responses_of(ok("Transfer-Encoding: chunked\r\n", "5;x\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n")) ==
          "head(200 OK 1.1 keep-alive chunked; Transfer-Encoding: chunked) body(hello!) end(T: v)");
    const std::string head = ok("Transfer-Encoding: chunked\r\n");
    CHECK(response_refusal_of(head + "x") == "502 RFC 9112 §7.1");
    CHECK(response_refusal_of(head + "5\r\nhelloX") == "502 RFC 9112 §7.1");
    CHECK(response_refusal_of(head + "0\r\nContent-Length: 1\r\n\r\n") == "502 RFC 9110 §6.5.1");
    CHECK(response_refusal_of(head + "1;" + std::string(5000, 'x')) == "502 RFC 9112 §7.1.1");
    for (const char* size_line : {"5 \r\n", "5;\r\n", "5;;\r\n", "5;a=\"b\r\n", "5;(@)\r\n"}) {
        CHECK(response_refusal_of(head + size_line + "hello\r\n") == "502 RFC 9112 §7.1.1");
    }
}

TEST_CASE("without either, a response ends with its connection") {
    const std::string head_event = "head(200 OK 1.1 close until close)";
    CHECK(responses_of(ok("", "hello"), asked_with("GET", true)) == head_event + " body(hello) end");
    CHECK(responses_of(ok("", ""), asked_with("GET", true)) == head_event + " end");
    CHECK(responses_of(ok("", "hello")) == head_event + " body(hello)");
    CHECK(responses_of("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nHTTP/1.0", asked_with("GET", true)) ==
          "head(200 OK 1.0 close until close; Connection: keep-alive) body(HTTP/1.0) end");
}

TEST_CASE("a response to HEAD has no body, whatever its fields say") {
    const std::string left = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const std::string left_events = " head(200 OK 1.1 keep-alive length 0; Content-Length: 0) end";
    const Asked asked{{"HEAD", "GET"}};
    CHECK(responses_of(ok("Content-Length: 5\r\n") + left, asked) ==
          "head(200 OK 1.1 keep-alive length 5; Content-Length: 5) end" + left_events);
    CHECK(responses_of(ok("Transfer-Encoding: chunked\r\n") + left, asked) ==
          "head(200 OK 1.1 keep-alive; Transfer-Encoding: chunked) end" + left_events);
    CHECK(responses_of(ok("") + left, asked) == "head(200 OK 1.1 keep-alive) end" + left_events);
    // A length that would be too large for a body.
    CHECK(responses_of(ok("Content-Length: 99999999999\r\n"), asked_with("HEAD")) ==
          "head(200 OK 1.1 keep-alive length 99999999999; Content-Length: 99999999999) end");
    CHECK(responses_of(ok("", "x"), asked_with("head")) == "head(200 OK 1.1 close until close) body(x)");
}

TEST_CASE("204 and 304 have no body, whatever their fields say") {
    for (const char* status : {"204", "304"}) {
        CAPTURE(status);
        const std::string begin = "HTTP/1.1 "s + status + "\r\n";
        const std::string text = "head("s + status + " 1.1 keep-alive";
        const Asked asked{{"GET", "GET"}};
        CHECK(responses_of(begin + "\r\n" + begin + "\r\n", asked) == text + ") end " + text + ") end");
        CHECK(responses_of(begin + "Content-Length: 5\r\n\r\n" + begin + "\r\n", asked) ==
              text + " length 5; Content-Length: 5) end " + text + ") end");
        CHECK(responses_of(begin + "Transfer-Encoding: chunked\r\n\r\n", asked) ==
              text + "; Transfer-Encoding: chunked) end");
    }
}

TEST_CASE("a Content-Length is digits and nothing else, and there is one") {
    for (const char* value : {"+5", "-5", "0x5", "5a", "5,5", "5, 5", "5.0", "", " "}) {
        CAPTURE(value);
        CHECK(response_refusal_of(ok("Content-Length: "s + value + "\r\n", "hello")) == "502 RFC 9112 §6.3");
    }
    CHECK(response_refusal_of(ok("Content-Length: 5\r\nContent-Length: 5\r\n")) == "502 RFC 9112 §6.3");
    CHECK(response_refusal_of(ok("Content-Length: 5\r\ncontent-length: 6\r\n")) == "502 RFC 9112 §6.3");
    CHECK(response_refusal_of(ok("Content-Length: 18446744073709551616\r\n")) == "502 RFC 9110 §8.6");
}

TEST_CASE("a Content-Length beside a Transfer-Encoding is refused, also where there is no body") {
    const std::string both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    CHECK(response_refusal_of(ok(both)) == "502 RFC 9112 §6.3");
    CHECK(response_refusal_of("HTTP/1.1 304\r\n" + both + "\r\n") == "502 RFC 9112 §6.3");
    CHECK(response_refusal_of(ok(both), asked_with("HEAD")) == "502 RFC 9112 §6.3");
}

TEST_CASE("a coding that is not known, and one in HTTP/1.0, is refused") {
    CHECK(response_refusal_of(ok("Transfer-Encoding: gzip\r\n")) == "502 RFC 9112 §6.3");
    CHECK(response_refusal_of(ok("Transfer-Encoding: gzip, chunked\r\n")) == "502 RFC 9112 §6.1");
    CHECK(response_refusal_of(ok("Transfer-Encoding: chunked, chunked\r\n")) == "502 RFC 9112 §6.1");
    CHECK(response_refusal_of("HTTP/1.0 200\r\nTransfer-Encoding: chunked\r\n\r\n") == "502 RFC 9112 §6.1");
    CHECK(response_refusal_of(ok("Transfer-Encoding: ,\r\n")) == "502 RFC 9112 §6.3");
}

TEST_CASE("empty elements beside chunked are ignored (RFC 9110 §5.6.1.2), a length beside it is not") {
    for (const std::string value : {"chunked,", ",chunked", ", ,chunked ,"}) {
        CAPTURE(value);
        CHECK(responses_of(ok("Transfer-Encoding: " + value + "\r\n", "3\r\nabc\r\n0\r\n\r\n")) ==
              "head(200 OK 1.1 keep-alive chunked; Transfer-Encoding: " + value + ") body(abc) end");
        CHECK(response_refusal_of(ok("Content-Length: 3\r\nTransfer-Encoding: " + value + "\r\n")) ==
              "502 RFC 9112 §6.3");
    }
    CHECK(response_refusal_of(ok("Transfer-Encoding: chunked,,chunked\r\n")) == "502 RFC 9112 §6.1");
}

TEST_CASE("fields are read as strictly as in a request") {
    CHECK(response_refusal_of(ok("X : y\r\n")) == "502 RFC 9112 §5.1");
    CHECK(response_refusal_of(ok("X: y\n")) == "502 RFC 9112 §2.2");
    CHECK(response_refusal_of(ok("X: y\r\n z\r\n")) == "502 RFC 9112 §5.2");
    CHECK(response_refusal_of(ok(" X: y\r\n")) == "502 RFC 9112 §2.2");
    CHECK(response_refusal_of(ok("X\r\n")) == "502 RFC 9112 §5");
    CHECK(response_refusal_of(ok("X: \0\r\n"s)) == "502 RFC 9110 §5.5");
}

TEST_CASE("whether the connection lives on is for version and Connection to say") {
    const auto life_of = [](const std::string& head) {
        const std::string events = responses_of(head + "Content-Length: 0\r\n\r\n");
        return events.find("keep-alive length") != std::string::npos;
    };
    CHECK(life_of("HTTP/1.1 200\r\n"));
    CHECK(life_of("HTTP/1.1 200\r\nConnection: Keep-Alive\r\n"));
    CHECK_FALSE(life_of("HTTP/1.1 200\r\nConnection: foo, CLOSE\r\n"));
    CHECK_FALSE(life_of("HTTP/1.1 200\r\nConnection: keep-alive\r\nConnection: close\r\n"));
    CHECK_FALSE(life_of("HTTP/1.0 200\r\n"));
    CHECK(life_of("HTTP/1.0 200\r\nConnection: keep-alive\r\n"));
}

TEST_CASE("the end of the connection is a mistake anywhere but where a response may end") {
    const auto end_of = [](const std::string& bytes) { return response_complaint_of(bytes, asked_with("GET", true)); };
    CHECK(end_of("") == "the server closed the connection before it answered");
    CHECK(end_of("HTTP/1.1 103\r\n\r\n") == "the server closed the connection before it answered");
    for (const char* head : {"H", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX: y\r\n\r"}) {
        CAPTURE(head);
        CHECK(end_of(head) == "the server closed the connection within the head of a response");
    }
    const std::string in_body = "the server closed the connection within the body of a response";
    CHECK(end_of(ok("Content-Length: 5\r\n")) == in_body);
    CHECK(end_of(ok("Content-Length: 5\r\n", "hell")) == in_body);
    for (const char* coded : {"", "5", "5\r\nhel", "5\r\nhello\r\n", "0\r\n", "0\r\nT: v\r\n"}) {
        CAPTURE(coded);
        CHECK(end_of(ok("Transfer-Encoding: chunked\r\n", coded)) == in_body);
    }
    CHECK(response_refusal_of("", asked_with("GET", true)) == "502 RFC 9112 §8");
    CHECK(responses_of("", {{}, true}) == "");
    CHECK(responses_of(ok("Content-Length: 1\r\n", "x"), asked_with("GET", true)) ==
          "head(200 OK 1.1 keep-alive length 1; Content-Length: 1) body(x) end");
}

TEST_CASE("a body of body_bytes_max is accepted, a longer one is a limit, however it is framed") {
    Asked asked{{"GET"}, true};
    asked.limits.body_bytes_max = 10;
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const auto accepts = [&asked](const std::string& bytes) {
        const std::string events = responses_of(bytes, asked);
        return events.find("body(0123456789) end") != std::string::npos;
    };
    CHECK(accepts(ok("Content-Length: 10\r\n", "0123456789")));
    CHECK(accepts(ok(chunked, "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n")));
    CHECK(accepts(ok("", "0123456789")));
    CHECK(response_refusal_of(ok("Content-Length: 11\r\n"), asked) == "413 RFC 9110 §15.5.14");
    CHECK(response_refusal_of(ok(chunked, "5\r\n01234\r\n6\r\n"), asked) == "413 RFC 9110 §15.5.14");
    CHECK(response_refusal_of(ok("", "0123456789a"), asked) == "413 RFC 9112 §6.3");
    CHECK(response_complaint_of(ok("", "0123456789a"), asked) ==
          "a body without a length is longer than body_bytes_max (10 bytes)");
    asked.limits.body_bytes_max = 0;
    CHECK(responses_of(ok(""), asked) == "head(200 OK 1.1 close until close) end");
    CHECK(response_refusal_of(ok("", "x"), asked) == "413 RFC 9112 §6.3");
}

TEST_CASE("a head has the bounds of a request's") {
    Asked asked;
    asked.limits.header_bytes_max = 60;
    asked.limits.header_count_max = 2;
    CHECK(response_refusal_of(ok("X: " + std::string(70, 'x')), asked) == "431 RFC 6585 §5");
    CHECK(response_refusal_of(ok("a: 1\r\nb: 2\r\nc: 3\r\n"), asked) == "431 RFC 6585 §5");
}
