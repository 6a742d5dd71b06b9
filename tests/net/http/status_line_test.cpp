// Status lines: RFC 9112 §4, RFC 9110 §15.
#include <stepwise/tests/net/http/response_support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

// The head that this status line makes, without its fields.
std::string line(const std::string& text) {
    const std::string events = responses_of(text + "\r\nContent-Length: 0\r\n\r\n");
    const std::size_t end = events.find(" length 0; Content-Length: 0) end");
    REQUIRE(end != std::string::npos);
    return events.substr(5, end - 5);
}

std::string refused(const std::string& bytes) {
    return response_refusal_of(bytes);
}

}  // namespace

TEST_CASE("a status line has a version, a code and a phrase") {
    CHECK(line("HTTP/1.1 200 OK") == "200 OK 1.1 keep-alive");
    CHECK(line("HTTP/1.1 404 Not Found") == "404 Not Found 1.1 keep-alive");
    CHECK(line("HTTP/1.0 200 OK") == "200 OK 1.0 close");
    CHECK(line("HTTP/1.1 299 what\tever it (is)") == "299 what\tever it (is) 1.1 keep-alive");
    CHECK(line("HTTP/1.1 500 \xc3\x9c"s) == "500 \xc3\x9c 1.1 keep-alive");
}

TEST_CASE("the phrase may be empty, and the space before it missing") {
    CHECK(line("HTTP/1.1 200 ") == "200 1.1 keep-alive");
    CHECK(line("HTTP/1.1 200") == "200 1.1 keep-alive");
    CHECK(line("HTTP/1.1 200  two spaces") == "200  two spaces 1.1 keep-alive");
}

TEST_CASE("codes that nobody has registered are taken as they are, from 100 to 999") {
    for (const char* code : {"299", "418", "599", "600", "999"}) {
        CAPTURE(code);
        CHECK(line("HTTP/1.1 "s + code) == code + " 1.1 keep-alive"s);
    }
    for (const char* code : {"000", "099", "012"}) {
        CAPTURE(code);
        CHECK(refused("HTTP/1.1 "s + code + " OK\r\n\r\n") == "502 RFC 9110 §15");
    }
}

TEST_CASE("what does not begin like a status line is refused at the first byte that does not fit") {
    for (const char* begin : {"h",
                              "HTTPS",
                              "HTTP 1.1",
                              "HTTP/x",
                              "HTTP/1x",
                              "HTTP/1.x",
                              "HTTP/1.1x",
                              "HTTP/1.1\t",
                              "HTTP/1.1  ",
                              "HTTP/1.1 2x",
                              "HTTP/1.1 +20",
                              "HTTP/1.1 20 ",
                              "HTTP/1.1 20\r",
                              "HTTP/1.1 -",
                              "HTTP/1.1\r",
                              "\r\n",
                              " HTTP/1.1",
                              "<",
                              "220 smtp",
                              "SSH-2.0",
                              "\x16\x03"}) {
        CAPTURE(begin);
        CHECK(refused(begin) == "502 RFC 9112 §4");
    }
    CHECK(response_complaint_of("<html>") == "'<' where an HTTP version must be: this is no HTTP response");
    CHECK(response_complaint_of("HTTP/1.1 OK") ==
          "'O' where a status code of three digits must be: this is no HTTP response");
}

TEST_CASE("another major version is refused, a higher minor one is 1.1") {
    for (const char* version : {"1.2", "1.3", "1.9"}) {
        CAPTURE(version);
        CHECK(line("HTTP/"s + version + " 200 OK") == "200 OK 1.1 keep-alive");
    }
    for (const char* version : {"1.10", "01.1", "1."}) {
        CAPTURE(version);
        CHECK(refused("HTTP/"s + version + " 200") == "502 RFC 9112 §4");
    }
    for (const char* version : {"0.9", "2.0", "2.1", "3.0", "9.9"}) {
        CAPTURE(version);
        CHECK(refused("HTTP/"s + version + " 200") == "502 RFC 9112 §2.3");
    }
    CHECK(response_complaint_of("HTTP/2.0 200 OK") == "HTTP version 2.0 is not supported; 1.1 and 1.0 are");
}

TEST_CASE("only visible characters and white space stand in a phrase, and only CRLF ends it") {
    for (const char byte : {'\0', '\x01', '\x1f', '\x7f', '\x0b'}) {
        CAPTURE(static_cast<int>(byte));
        CHECK(refused("HTTP/1.1 200 O"s + byte + "K\r\n") == "502 RFC 9112 §4");
    }
    for (const char* rest : {"2000", "200x", "200;", "200\t"}) {
        CAPTURE(rest);
        CHECK(refused("HTTP/1.1 "s + rest) == "502 RFC 9112 §4");
    }
    CHECK(refused("HTTP/1.1 200 OK\n") == "502 RFC 9112 §2.2");
    CHECK(refused("HTTP/1.1 200\n") == "502 RFC 9112 §2.2");
    CHECK(refused("HTTP/1.1 200 OK\rX") == "502 RFC 9112 §2.2");
    CHECK(refused("HTTP/1.1 200\rX") == "502 RFC 9112 §2.2");
}

TEST_CASE("a status line of status_line_bytes_max is accepted, a longer one is a limit") {
    Asked asked;
    asked.limits.status_line_bytes_max = 40;
    const auto line_of = [](std::size_t bytes) { return "HTTP/1.1 204 " + std::string(bytes - 13, 'x') + "\r\n\r\n"; };
    CHECK(responses_of(line_of(40), asked) == "head(204 " + std::string(27, 'x') + " 1.1 keep-alive) end");
    for (std::size_t bytes = 41; bytes < 50; ++bytes) {
        CAPTURE(bytes);
        CHECK(response_refusal_of(line_of(bytes), asked) == "431 RFC 9112 §4");
    }
    CHECK(response_complaint_of(line_of(41), asked) ==
          "the status line is longer than status_line_bytes_max (40 bytes)");
    CHECK(response_refusal_of("HTTP/1.1 204 " + std::string(28, 'x'), asked) == "431 RFC 9112 §4");
    asked.limits.status_line_bytes_max = 12;
    CHECK(responses_of("HTTP/1.1 204\r\n\r\n", asked) == "head(204 1.1 keep-alive) end");
    CHECK(response_refusal_of("HTTP/1.1 204 \r\n\r\n", asked) == "431 RFC 9112 §4");
    asked.limits.status_line_bytes_max = 5;
    CHECK(response_refusal_of("HTTP/1.1 204\r\n\r\n", asked) == "431 RFC 9112 §4");
}
