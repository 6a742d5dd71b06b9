// Each bound of ParserLimits, met exactly and passed by one: which status, and that the message names option and value.
#include <stepwise/tests/net/http/support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

const std::string rest_of_head = "Host: a\r\n\r\n";

bool names(const std::string& request, const ParserLimits& limits, const std::string& option,
           const std::string& value) {
    const std::string message = error_of(request, limits).message;
    CAPTURE(message);
    return message.find(option) != std::string::npos && message.find(value) != std::string::npos;
}

std::string chunked(const std::string& coded) {
    return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + coded;
}

bool is_accepted(const std::string& request, const ParserLimits& limits) {
    const std::string events = events_of(request, limits);
    return events.find("error(") == std::string::npos && events.find("end") != std::string::npos;
}

}  // namespace

TEST_CASE("a request line of request_line_bytes_max is accepted, a longer one is 414, a longer method 501") {
    ParserLimits limits;
    limits.request_line_bytes_max = 40;
    const auto line_of = [](std::size_t bytes) {
        return "GET /" + std::string(bytes - 14, 'x') + " HTTP/1.1\r\n" + rest_of_head;
    };
    CHECK(is_accepted(line_of(40), limits));
    CHECK(is_accepted("\r\n" + line_of(40), limits));
    for (std::size_t bytes = 41; bytes < 60; ++bytes) {
        CAPTURE(bytes);
        CHECK(refusal_of(line_of(bytes), limits) == "414 RFC 9110 §15.5.15");
    }
    CHECK(refusal_of("\r\n" + line_of(41), limits) == "414 RFC 9110 §15.5.15");
    CHECK(names(line_of(41), limits, "request_line_bytes_max", "40"));
    CHECK(refusal_of(std::string(41, 'M') + " / HTTP/1.1\r\n", limits) == "501 RFC 9112 §3");
    CHECK(names(std::string(41, 'M'), limits, "request_line_bytes_max", "40"));
}

TEST_CASE("field lines of header_bytes_max in all are accepted, one byte more is 431") {
    ParserLimits limits;
    limits.header_bytes_max = 60;
    const auto head_of = [](std::size_t bytes) {
        return "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(bytes - 14, 'x') + "\r\n\r\n";
    };
    CHECK(is_accepted(head_of(60), limits));
    for (std::size_t bytes = 61; bytes < 70; ++bytes) {
        CAPTURE(bytes);
        CHECK(refusal_of(head_of(bytes), limits) == "431 RFC 6585 §5");
    }
    CHECK(names(head_of(61), limits, "header_bytes_max", "60"));
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(60, 'n'), limits) == "431 RFC 6585 §5");
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nX:" + std::string(60, ' '), limits) == "431 RFC 6585 §5");
}

TEST_CASE("header_count_max fields are accepted, one more is 431") {
    ParserLimits limits;
    limits.header_count_max = 3;
    CHECK(is_accepted("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n", limits));
    const std::string one_more = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nX: 3\r\n\r\n";
    CHECK(refusal_of(one_more, limits) == "431 RFC 6585 §5");
    CHECK(names(one_more, limits, "header_count_max", "3"));
}

TEST_CASE("a body of body_bytes_max is accepted, a longer one is 413 before it has come") {
    ParserLimits limits;
    limits.body_bytes_max = 10;
    const auto length_of = [](const std::string& bytes) {
        return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + bytes + "\r\n\r\n";
    };
    CHECK(is_accepted(length_of("10") + "0123456789", limits));
    CHECK(refusal_of(length_of("11"), limits) == "413 RFC 9110 §15.5.14");
    CHECK(names(length_of("11"), limits, "body_bytes_max", "10"));
    CHECK(is_accepted(chunked("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), limits));
    CHECK(refusal_of(chunked("b\r\n"), limits) == "413 RFC 9110 §15.5.14");
    CHECK(refusal_of(chunked("5\r\n01234\r\n6\r\n"), limits) == "413 RFC 9110 §15.5.14");
    CHECK(names(chunked("5\r\n01234\r\n6\r\n"), limits, "body_bytes_max", "10"));
}

TEST_CASE("with body_bytes_max 0 only an empty body is accepted") {
    ParserLimits limits;
    limits.body_bytes_max = 0;
    CHECK(is_accepted("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", limits));
    CHECK(is_accepted(chunked("0\r\n\r\n"), limits));
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", limits) == "413 RFC 9110 §15.5.14");
    CHECK(refusal_of(chunked("1\r\n"), limits) == "413 RFC 9110 §15.5.14");
}

TEST_CASE("the largest body_bytes_max does not overflow") {
    ParserLimits limits;
    limits.body_bytes_max = ~std::uint64_t{0};
    CHECK(refusal_of(chunked("1\r\na\r\nffffffffffffffff\r\n"), limits) == "413 RFC 9110 §15.5.14");
}

TEST_CASE("a chunk-size line of chunk_line_bytes_max is accepted, a longer one is 400") {
    ParserLimits limits;
    limits.chunk_line_bytes_max = 10;
    CHECK(is_accepted(chunked("1;34567890\r\na\r\n0\r\n\r\n"), limits));
    CHECK(is_accepted(chunked("0000000001\r\na\r\n0\r\n\r\n"), limits));
    CHECK(refusal_of(chunked("1;345678901\r\n"), limits) == "400 RFC 9112 §7.1.1");
    CHECK(refusal_of(chunked("00000000001\r\n"), limits) == "400 RFC 9112 §7.1.1");
    CHECK(names(chunked("1;345678901\r\n"), limits, "chunk_line_bytes_max", "10"));
}

TEST_CASE("chunk extensions of chunk_extension_bytes_max in one body are accepted, one byte more is 400") {
    ParserLimits limits;
    limits.chunk_extension_bytes_max = 6;
    CHECK(is_accepted(chunked("1;ab\r\na\r\n0;ab\r\n\r\n"), limits));
    CHECK(refusal_of(chunked("1;ab\r\na\r\n0;abc\r\n\r\n"), limits) == "400 RFC 9112 §7.1.1");
    CHECK(names(chunked("1;ab\r\na\r\n0;abc\r\n\r\n"), limits, "chunk_extension_bytes_max", "6"));
    // Each body counts on its own.
    const std::string request = chunked("1;ab\r\na\r\n0;ab\r\n\r\n");
    CHECK(is_accepted(request + request + request, limits));
}

TEST_CASE("a trailer section has the bounds of a head, counted on its own") {
    ParserLimits limits;
    limits.header_bytes_max = 60;
    limits.header_count_max = 2;
    CHECK(is_accepted(chunked("0\r\nX: " + std::string(55, 'x') + "\r\n\r\n"), limits));
    CHECK(refusal_of(chunked("0\r\nX: " + std::string(56, 'x') + "\r\n\r\n"), limits) == "431 RFC 6585 §5");
    CHECK(refusal_of(chunked("0\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n"), limits) == "431 RFC 6585 §5");
}

TEST_CASE("bounds of the default limits") {
    const std::string line = "GET /" + std::string(8192 - 14, 'x') + " HTTP/1.1\r\n";
    CHECK(is_accepted(line + rest_of_head, {}));
    CHECK(is_accepted("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(32 * 1024 - 14, 'x') + "\r\n\r\n", {}));
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(32 * 1024 - 13, 'x') + "\r\n\r\n") ==
          "431 RFC 6585 §5");
    CHECK(refusal_of("GET / HTTP/1.1\r\n\r\n" + std::string(100, 'x')) == "400 RFC 9112 §3.2");
}
