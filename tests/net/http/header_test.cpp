// Header fields and Host: RFC 9112 §3.2, §5, RFC 9110 §5.
#include <stepwise/tests/net/http/support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

std::string with_field(const std::string& line) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + line + "\r\n\r\n";
}
std::string with_host(const std::string& lines) {
    return "GET / HTTP/1.1\r\n" + lines + "\r\n";
}

}  // namespace

TEST_CASE("white space around a value is trimmed, white space within it is kept") {
    CHECK(events_of(with_field("X: \t a b\tc \t")) == "head(GET / 1.1 keep-alive; Host: a, X: a b\tc) end");
    CHECK(events_of(with_field("X:a")) == "head(GET / 1.1 keep-alive; Host: a, X: a) end");
    CHECK(events_of(with_field("X:")) == "head(GET / 1.1 keep-alive; Host: a, X: ) end");
    CHECK(events_of(with_field("X:   ")) == "head(GET / 1.1 keep-alive; Host: a, X: ) end");
    CHECK(events_of(with_field("X: caf\xc3\xa9 and more text")) ==
          "head(GET / 1.1 keep-alive; Host: a, X: caf\xc3\xa9 and more text) end");
}

TEST_CASE("names compare without regard to case and keep their order") {
    with_head(with_field("X-One: 1\r\nx-two: 2\r\nX-ONE: 3"), [](const RequestHead& head) {
        const HeaderFields& headers = head.headers();
        CHECK(headers.size() == 4);
        CHECK(headers.find("x-one") == "1");
        CHECK(headers.get("X-TWO") == "2");
        CHECK(headers.get("x-three", "none") == "none");
        CHECK(headers.find("x-three") == std::nullopt);
        CHECK(headers.count("X-One") == 2);
        CHECK(headers[3].name == "X-ONE");
    });
}

TEST_CASE("a list is searched over all fields of its name") {
    with_head(with_field("Connection: keep-alive , ,\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket"),
              [](const RequestHead& head) {
                  CHECK(head.has_token("connection", "upgrade"));
                  CHECK(head.has_token("connection", "Keep-Alive"));
                  CHECK(head.has_token("upgrade", "WebSocket"));
                  CHECK(!head.has_token("upgrade", "web"));
                  CHECK(!head.has_token("te", "trailers"));
              });
}

TEST_CASE("only CRLF ends a header line") {
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\rX") == "400 RFC 9112 §2.2");
    CHECK(refusal_of(with_field("X\nY: b")) == "400 RFC 9112 §2.2");
    CHECK(refusal_of(with_field("X:\n b")) == "400 RFC 9112 §2.2");
}

TEST_CASE("a control character or NUL in a value is refused, wherever it stands") {
    for (const char byte : {'\0', '\x01', '\x0b', '\x1f', '\x7f'}) {
        for (std::size_t place = 0; place < 20; ++place) {
            std::string value(20, 'v');
            value[place] = byte;
            CAPTURE(place);
            CHECK(refusal_of(with_field("X: " + value)) == "400 RFC 9110 §5.5");
        }
    }
}

TEST_CASE("a folded header line is refused") {
    CHECK(refusal_of(with_field("X: a\r\n b")) == "400 RFC 9112 §5.2");
    CHECK(refusal_of(with_field("X: a\r\n\tb")) == "400 RFC 9112 §5.2");
    CHECK(refusal_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n") == "400 RFC 9112 §2.2");
}

TEST_CASE("a name must be a token right before its colon") {
    CHECK(refusal_of(with_field("X : a")) == "400 RFC 9112 §5.1");
    CHECK(refusal_of(with_field("X\t: a")) == "400 RFC 9112 §5.1");
    CHECK(refusal_of(with_field(": a")) == "400 RFC 9112 §5");
    CHECK(refusal_of(with_field("no colon")) == "400 RFC 9112 §5.1");
    CHECK(refusal_of(with_field("no-colon")) == "400 RFC 9112 §5");
    CHECK(refusal_of(with_field("a(b): c")) == "400 RFC 9110 §5.1");
    CHECK(refusal_of(with_field("caf\xc3\xa9: c")) == "400 RFC 9110 §5.1");
    CHECK(refusal_of(with_field("a\0b: c"s)) == "400 RFC 9110 §5.1");
}

TEST_CASE("HTTP/1.1 has exactly one Host, HTTP/1.0 at most one") {
    CHECK(refusal_of("GET / HTTP/1.1\r\n\r\n") == "400 RFC 9112 §3.2");
    CHECK(refusal_of("GET http://b/ HTTP/1.1\r\n\r\n") == "400 RFC 9112 §3.2");
    CHECK(refusal_of(with_host("Host: a\r\nHost: a\r\n")) == "400 RFC 9112 §3.2");
    CHECK(refusal_of(with_host("Host: a\r\nX: y\r\nhOST: b\r\n")) == "400 RFC 9112 §3.2");
    CHECK(events_of("GET / HTTP/1.0\r\n\r\n") == "head(GET / 1.0 close; ) end");
    CHECK(refusal_of("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == "400 RFC 9112 §3.2");
}

TEST_CASE("a Host is a name or an address, and a port") {
    for (const char* host : {"a", "example.org", "example.org:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b-c~d",
                             "xn--bcher-kva.example", "a:", "%41", ""}) {
        CAPTURE(host);
        with_head(with_host("Host: "s + host + "\r\n"),
                  [host](const RequestHead& head) { CHECK(head.host() == host); });
    }
    for (const char* host : {"a b", "a/b", "a@b", "a:b", "a:80:80", "a:800000", "[::1", "::1", "[::1]x", "[x]",
                             "http://a", "a?b", "a#b", "%", "caf\xc3\xa9", "[]", "a\\b"}) {
        CAPTURE(host);
        CHECK(refusal_of(with_host("Host: "s + host + "\r\n")) == "400 RFC 9112 §3.2");
    }
}

TEST_CASE("a connection is kept by HTTP/1.1 unless it says close, by HTTP/1.0 only if it says keep-alive") {
    const auto keeps = [](const std::string& version, const std::string& fields) {
        bool keep_alive = false;
        with_head("GET / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n",
                  [&](const RequestHead& head) { keep_alive = head.keep_alive(); });
        return keep_alive;
    };
    CHECK(keeps("1.1", ""));
    CHECK(keeps("1.1", "Connection: keep-alive\r\n"));
    CHECK(!keeps("1.1", "Connection: close\r\n"));
    CHECK(!keeps("1.1", "Connection: Upgrade, CLOSE\r\n"));
    CHECK(!keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    CHECK(keeps("1.1", "Connection: closed\r\n"));
    CHECK(!keeps("1.0", ""));
    CHECK(keeps("1.0", "Connection: Keep-Alive\r\n"));
    CHECK(!keeps("1.0", "Connection: keep-alive, close\r\n"));
}
