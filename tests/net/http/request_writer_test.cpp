// Requests as bytes: RFC 9112 §3, §6, RFC 9110 §7.2, §7.8, §8.6. What is written must come out of our own parser again.
#include <stepwise/tests/net/http/support.hpp>

#include <stepwise/net/http/request_writer.hpp>

#include <stdexcept>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

std::string written(const OutgoingRequest& request, std::string_view body = {}) {
    std::string bytes;
    stepwise::net::StringSink sink(bytes);
    write_request(sink, request, body);
    return bytes;
}

OutgoingRequest get(std::string_view target = "/") {
    OutgoingRequest request;
    request.target = target;
    request.host = "a";
    return request;
}

OutgoingRequest with_method(std::string_view method) {
    OutgoingRequest request = get();
    request.method = method;
    return request;
}

}  // namespace

TEST_CASE("a request has a line, its host first, and its fields in their order") {
    Headers headers;
    headers.add("Accept", "text/html").add("X-One", "1").add("X-One", "2");
    OutgoingRequest request = get("/a%20b?c=d");
    request.host = "example.com:8080";
    request.headers = &headers;
    CHECK(written(request) ==
          "GET /a%20b?c=d HTTP/1.1\r\nHost: example.com:8080\r\nAccept: text/html\r\nX-One: 1\r\nX-One: 2\r\n\r\n");
    request.close_connection = true;
    CHECK(events_of(written(request)) ==
          "head(GET /a%20b?c=d 1.1 close; Host: example.com:8080, Accept: text/html, X-One: 1, X-One: 2, "
          "Connection: close) end");
}

TEST_CASE("a body is framed by its length, small or large") {
    CHECK(written(with_method("POST"), "hello") == "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const std::string large(100'000, 'x');
    CHECK(written(with_method("PUT"), large) == "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + large);
    CHECK(written(get(), "hello") == "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
}

TEST_CASE("a length of 0 is said by methods that usually have content, and by no other") {
    for (const char* method : {"POST", "PUT", "PATCH"}) {
        CAPTURE(method);
        CHECK(written(with_method(method)) == method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"s);
    }
    for (const char* method : {"GET", "HEAD", "DELETE", "OPTIONS", "PURGE"}) {
        CAPTURE(method);
        CHECK(written(with_method(method)) == method + " / HTTP/1.1\r\nHost: a\r\n\r\n"s);
    }
}

TEST_CASE("a body whose length is not known is chunked") {
    std::string bytes;
    stepwise::net::StringSink sink(bytes);
    OutgoingRequest request = with_method("POST");
    request.content_length.reset();
    CHECK(write_request_head(sink, request) == BodyFraming::chunked);
    write_chunk(sink, "hello");
    write_chunk(sink, ", world");
    write_last_chunk(sink);
    CHECK(events_of(bytes) ==
          "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: chunked) body(hello, world) end");
    request.content_length = 3;
    CHECK(write_request_head(sink, request) == BodyFraming::content_length);
    request.content_length = 0;
    CHECK(write_request_head(sink, request) == BodyFraming::none);
}

TEST_CASE("an upgrade is named in Connection too") {
    Headers headers;
    headers.add("Upgrade", "websocket");
    OutgoingRequest request = get();
    request.headers = &headers;
    CHECK(written(request) == "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    request.close_connection = true;
    CHECK(written(request) == "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n");
}

TEST_CASE("a Host among the fields takes the place of the other one") {
    Headers headers;
    headers.add("host", "virtual.example");
    OutgoingRequest request = get();
    request.headers = &headers;
    CHECK(written(request) == "GET / HTTP/1.1\r\nhost: virtual.example\r\n\r\n");
    headers.set("Host", "not a host");
    CHECK_THROWS_AS(written(request), std::invalid_argument);
    headers.set("Host", "a");
    headers.add("Host", "b");
    CHECK_THROWS_AS(written(request), std::invalid_argument);
}

TEST_CASE("targets have the form that the method asks for") {
    OutgoingRequest request = with_method("OPTIONS");
    request.target = "*";
    CHECK(written(request) == "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    request = with_method("CONNECT");
    request.target = "b:443";
    CHECK(written(request) == "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(written(get("http://b/c")) == "GET http://b/c HTTP/1.1\r\nHost: a\r\n\r\n");
    for (const char* target : {"", "*", "a", "b:443", "ftp://b/"}) {
        CAPTURE(target);
        CHECK_THROWS_AS(written(get(target)), std::invalid_argument);
    }
}

TEST_CASE("nothing that could begin another line, or another request, can be written") {
    for (const std::string& text : {"/\r\nX: y"s, "/ HTTP/1.1\r\n\r\nGET /"s, "/\n"s, "/\r"s, "/a b"s, "/\0"s, "/\t"s,
                                    "/#a"s, "/\x7f"s, "/\xff"s, "/%"s, "/%0"s}) {
        CAPTURE(text);
        CHECK_THROWS_AS(written(get(text)), std::invalid_argument);
    }
    for (const std::string& method : {""s, "GET "s, "GE T"s, "GET\r\n"s, "G\0T"s, "GET/"s, "\xc3\x84"s}) {
        CAPTURE(method);
        CHECK_THROWS_AS(written(with_method(method)), std::invalid_argument);
    }
    for (const std::string& host : {"a\r\nX: y"s, "a b"s, "a\0"s, "a/b"s, "u@a"s, "a:b"s}) {
        CAPTURE(host);
        OutgoingRequest request = get();
        request.host = host;
        CHECK_THROWS_AS(written(request), std::invalid_argument);
    }
    std::string bytes = "before";
    stepwise::net::StringSink sink(bytes);
    CHECK_THROWS_AS(write_request(sink, get("/ "), "body"), std::invalid_argument);
    CHECK(bytes == "before");
}

TEST_CASE("a request that is written with everything at its largest fits what was prepared") {
    Headers headers;
    headers.add("Upgrade", "x");
    OutgoingRequest request = with_method("PATCH");
    request.headers = &headers;
    request.close_connection = true;
    request.content_length = ~std::uint64_t{0};
    std::string bytes;
    stepwise::net::StringSink sink(bytes);
    write_request_head(sink, request);
    CHECK(bytes.size() <= detail::request_head_bytes_max(request));
    request.content_length.reset();
    bytes.clear();
    write_request_head(sink, request);
    CHECK(bytes.size() <= detail::request_head_bytes_max(request));
}
