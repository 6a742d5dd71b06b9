// The first line of a request: RFC 9112 §2.2, §3.
#include <stepwise/tests/net/http/support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

std::string line(const std::string& request_line) {
    return request_line + "\r\nHost: a\r\n\r\n";
}

}  // namespace

TEST_CASE("a request line gives method, target and version as they came") {
    CHECK(events_of(line("GET / HTTP/1.1")) == "head(GET / 1.1 keep-alive; Host: a) end");
    CHECK(events_of(line("GET /a/b?c=%20d HTTP/1.0")) == "head(GET /a/b?c=%20d 1.0 close; Host: a) end");
    CHECK(events_of(line("get /|^`{}[]~' HTTP/1.1")) == "head(get /|^`{}[]~' 1.1 keep-alive; Host: a) end");
}

TEST_CASE("a method may be any token; which ones exist is the router's matter") {
    CHECK(events_of(line("M-SEARCH /x HTTP/1.1")) == "head(M-SEARCH /x 1.1 keep-alive; Host: a) end");
    CHECK(refusal_of(line("G(T / HTTP/1.1")) == "400 RFC 9112 §3.1");
    CHECK(refusal_of(line(" GET / HTTP/1.1")) == "400 RFC 9112 §3.1");
    CHECK(refusal_of("GE\0T / HTTP/1.1\r\n\r\n"s) == "400 RFC 9112 §3.1");
    CHECK(refusal_of("\x16\x03\x01\x02\x00\x01"s) == "400 RFC 9112 §3.1");  // a TLS hello on the plain port
}

TEST_CASE("one empty line before the request line is passed over, a second one is not") {
    CHECK(events_of("\r\n" + line("GET / HTTP/1.1")) == "head(GET / 1.1 keep-alive; Host: a) end");
    CHECK(refusal_of("\r\n\r\n" + line("GET / HTTP/1.1")) == "400 RFC 9112 §2.2");
    CHECK(refusal_of("\n" + line("GET / HTTP/1.1")) == "400 RFC 9112 §2.2");
    CHECK(refusal_of("\rGET / HTTP/1.1\r\n\r\n") == "400 RFC 9112 §2.2");
}

TEST_CASE("only CRLF ends a request line") {
    CHECK(refusal_of("GET / HTTP/1.1\nHost: a\n\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of("GET / HTTP/1.1\rHost: a\r\n\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of("GET\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of("GET /\n") == "400 RFC 9112 §2.2");
    CHECK(error_of("GET / HTTP/1.1\nHost: a\n\n").message.find("bare LF") != std::string::npos);
}

TEST_CASE("a request line without three parts, as HTTP/0.9 had it, is refused") {
    CHECK(refusal_of("GET /\r\n") == "400 RFC 9112 §3");
    CHECK(refusal_of("GET\r\n") == "400 RFC 9112 §3");
    CHECK(refusal_of("GET  / HTTP/1.1\r\n") == "400 RFC 9112 §3");
    CHECK(refusal_of("GET /  HTTP/1.1\r\n") == "400 RFC 9112 §2.3");
    CHECK(refusal_of("GET / HTTP/1.1 \r\n") == "400 RFC 9112 §3");
    CHECK(refusal_of("GET / x HTTP/1.1\r\n") == "400 RFC 9112 §2.3");
    CHECK(refusal_of("GET\t/\tHTTP/1.1\r\n") == "400 RFC 9112 §3.1");
}

TEST_CASE("another major version is 505, a higher minor one is 1.1, something that is no version 400") {
    for (const char* version : {"HTTP/1.2", "HTTP/1.3", "HTTP/1.9"}) {
        CAPTURE(version);
        with_head(line("GET / "s + version),
                  [](const RequestHead& head) { CHECK(head.version() == Version::http_1_1); });
    }
    for (const char* version : {"HTTP/2.0", "HTTP/2.1", "HTTP/0.9", "HTTP/0.1", "HTTP/3.0"}) {
        CAPTURE(version);
        CHECK(refusal_of(line("GET / "s + version)) == "505 RFC 9110 §15.6.6");
    }
    CHECK(refusal_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "505 RFC 9110 §15.6.6");
    for (const char* version :
         {"http/1.1", "HTTP/1.", "HTTP/11", "HTTP/1,1", "HTTP 1.1", "HTTPS/1.1", "X", "HTTP/+1.1"}) {
        CAPTURE(version);
        CHECK(refusal_of(line("GET / "s + version)) == "400 RFC 9112 §2.3");
    }
    CHECK(refusal_of(line("GET / HTTP/1.10")) == "400 RFC 9112 §3");
    CHECK(refusal_of(line("GET / HTTP/1.20")) == "400 RFC 9112 §3");
    CHECK(refusal_of(line("GET / HTTP/01.1")) == "400 RFC 9112 §2.3");
}

TEST_CASE("a target has one of four forms, and two of them only with their method") {
    with_head(line("GET /p?q HTTP/1.1"), [](const RequestHead& head) {
        CHECK(head.target_form() == TargetForm::origin);
        CHECK(head.path() == "/p");
        CHECK(head.query() == "q");
        CHECK(head.host() == "a");
    });
    with_head(line("GET HTTP://b:81?q HTTP/1.1"), [](const RequestHead& head) {
        CHECK(head.target_form() == TargetForm::absolute);
        CHECK(head.path() == "/");
        CHECK(head.query() == "q");
        CHECK(head.host() == "b:81");
    });
    with_head(line("CONNECT b:443 HTTP/1.1"), [](const RequestHead& head) {
        CHECK(head.target_form() == TargetForm::authority);
        CHECK(head.path().empty());
        CHECK(head.host() == "b:443");
    });
    with_head(line("OPTIONS * HTTP/1.1"), [](const RequestHead& head) {
        CHECK(head.target_form() == TargetForm::asterisk);
        CHECK(head.path() == "*");
    });
    for (const char* request : {"GET * HTTP/1.1", "GET b:443 HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT b HTTP/1.1",
                                "GET p HTTP/1.1", "GET ftp://b/ HTTP/1.1", "GET http:///p HTTP/1.1",
                                "GET http://u@b/ HTTP/1.1", "GET ?q HTTP/1.1", "CONNECT :443 HTTP/1.1"}) {
        CAPTURE(request);
        CHECK(refusal_of(line(request)) == "400 RFC 9112 §3.2");
    }
}

TEST_CASE("a target with a fragment, a control character, a raw UTF-8 byte or a broken escape is refused") {
    for (const std::string& target : {"/#x"s, "/\x01"s, "/\0"s, "/\x7f"s, "/\xc3\xa9"s, "/\""s, "/<"s, "/>"s, "/%"s,
                                      "/%4"s, "/%zz"s, "/%00"s, "/a%2"s}) {
        CAPTURE(target);
        CHECK(refusal_of(line("GET " + target + " HTTP/1.1")) == "400 RFC 9112 §3.2");
    }
}
