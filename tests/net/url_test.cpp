// Url::parse: RFC 3986 as far as http, https, ws and wss need it.
#include <stepwise/net/url.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using stepwise::net::Url;
using namespace std::string_literals;

namespace {

Url url(std::string_view text) {
    std::string error;
    const std::optional<Url> parsed = Url::parse(text, error);
    CAPTURE(text);
    CAPTURE(error);
    REQUIRE(parsed);
    CHECK(error.empty());
    CHECK(Url::parse(parsed->to_string(), error) == parsed);
    return *parsed;
}

// What is wrong with it, without the text itself.
std::string refusal(std::string_view text) {
    std::string error;
    CAPTURE(text);
    CHECK_FALSE(Url::parse(text, error));
    const std::size_t why = error.find("is not a URL: ");
    REQUIRE(why != std::string::npos);
    CHECK(error.find('\n') == std::string::npos);
    return error.substr(why + 14);
}

}  // namespace

TEST_CASE("a URL has a scheme, a host, a port, a path and a query") {
    const Url parsed = url("http://example.com:8080/a/b?c=d&e");
    CHECK(parsed.scheme() == "http");
    CHECK(parsed.host() == "example.com");
    CHECK(parsed.port() == 8080);
    CHECK(parsed.path_and_query() == "/a/b?c=d&e");
    CHECK(parsed.host_field() == "example.com:8080");
    CHECK(parsed.to_string() == "http://example.com:8080/a/b?c=d&e");
    CHECK_FALSE(parsed.is_secure());
}

TEST_CASE("each scheme has its port, which the Host field leaves out") {
    struct Row {
        const char* text;
        int port;
        bool secure;
    };
    for (const Row& row : {Row{"http://a", 80, false}, Row{"https://a", 443, true}, Row{"ws://a", 80, false},
                           Row{"wss://a", 443, true}}) {
        CAPTURE(row.text);
        CHECK(url(row.text).port() == row.port);
        CHECK(url(row.text).is_secure() == row.secure);
        CHECK(url(row.text).host_field() == "a");
    }
    CHECK(url("http://a:80/").host_field() == "a");
    CHECK(url("https://a:80/").host_field() == "a:80");
    CHECK(url("http://a:/").port() == 80);
    CHECK(url("http://a:1").port() == 1);
    CHECK(url("http://a:65535").port() == 65535);
    CHECK(url("http://a:0080").host_field() == "a");
}

TEST_CASE("an empty path is a slash, also before a query") {
    CHECK(url("http://a").path_and_query() == "/");
    CHECK(url("http://a?").path_and_query() == "/?");
    CHECK(url("http://a?b=/c").path_and_query() == "/?b=/c");
    CHECK(url("http://a//b").path_and_query() == "//b");
}

TEST_CASE("scheme and host are in lower case, the path stays as it was written") {
    const Url parsed = url("HTTP://Example.COM/Path/../%7Euser/%2e?Q=%C3%A4");
    CHECK(parsed.host() == "example.com");
    CHECK(parsed.path_and_query() == "/Path/../%7Euser/%2e?Q=%C3%A4");
}

TEST_CASE("the fragment is left out") {
    CHECK(url("http://a/b#c").path_and_query() == "/b");
    CHECK(url("http://a#/b@c:d").path_and_query() == "/");
    CHECK(url("ws://a/b?c#d?e").path_and_query() == "/b?c");
}

TEST_CASE("IPv6 stands in brackets in a URL and in the Host field, and without them for the resolver") {
    CHECK(url("http://[::1]/").host() == "::1");
    CHECK(url("http://[::1]/").host_field() == "[::1]");
    CHECK(url("http://[FE80::A]/").host() == "fe80::a");
    CHECK(url("http://[2001:DB8::7]:8080/").host_field() == "[2001:db8::7]:8080");
    CHECK(url("http://[::ffff:192.0.2.1]").host() == "::ffff:192.0.2.1");
    for (const char* text : {"http://[]", "http://[1]", "http://[::1%25lo]", "http://[::g]", "http://[127.0.0.1]",
                             "http://[v1.a]", "http://[::1::]"}) {
        CAPTURE(text);
        CHECK(refusal(text) == "what stands in brackets is no IPv6 address");
    }
    CHECK(refusal("http://[::1") == "the host has a '[' without its ']'");
    CHECK(refusal("http://[::1]a") == "'a' behind the host");
    CHECK(refusal("http://[::1]]") == "']' behind the host");
    CHECK(refusal("http://::1/") == "it has no host");
}

TEST_CASE("only the four schemes are known, and the slashes are needed") {
    for (const char* text : {"ftp://a", "file:///etc/passwd", "://a", "htt://a", "https+x://a", "unix://a"}) {
        CAPTURE(text);
        CHECK(refusal(text) == "the scheme must be http, https, ws or wss");
    }
    for (const char* text : {"", "a", "a/b", "/a", "//a", "http:a", "http:/a", "localhost:8000", "javascript:x"}) {
        CAPTURE(text);
        CHECK(refusal(text) == "it does not begin with http://, https://, ws:// or wss://");
    }
}

TEST_CASE("user information is refused") {
    for (const char* text : {"http://u@a", "http://u:p@a", "http://@a", "http://good.example:80@bad.example/"}) {
        CAPTURE(text);
        CHECK(refusal(text) == "user information before the host is not accepted");
    }
    CHECK(url("http://a/@b").path_and_query() == "/@b");
}

TEST_CASE("a host is letters, digits, '-', '.' and '_', in parts of a size that DNS can hold") {
    CHECK(url("http://a-b.c_d.1e.").host() == "a-b.c_d.1e.");
    CHECK(url("http://" + std::string(63, 'a') + ".b").host().size() == 65);
    CHECK(refusal("http://" + std::string(64, 'a') + ".b") == "a part of the host is longer than 63 bytes");
    std::string long_name;
    while (long_name.size() < 254) long_name += "a.";
    CHECK(refusal("http://" + long_name) == "the host is longer than 253 bytes");
    for (const char* text : {"http://", "http:///path", "http://:80", "http://?q"}) {
        CAPTURE(text);
        CHECK(refusal(text) == "it has no host");
    }
    for (const char* text : {"http://.", "http://.a", "http://a..b", "http://a.."}) {
        CAPTURE(text);
        CHECK(refusal(text) == "a part of the host is empty");
    }
    CHECK(refusal("http://a%2eb") == "'%' in the host");
    CHECK(refusal("http://a,b") == "',' in the host");
    CHECK(refusal("http://a\\b") == "'\\' in the host");
    CHECK(refusal("http://a[::1]") == "'[' in the host");
}

TEST_CASE("a number is an IPv4 address in four decimal parts or it is refused") {
    CHECK(url("http://127.0.0.1").host() == "127.0.0.1");
    CHECK(url("http://1.a").host() == "1.a");
    CHECK(url("http://0xg").host() == "0xg");
    for (const char* text :
         {"http://127.1", "http://1", "http://0x7f000001", "http://256.0.0.1", "http://1.2.3.4.5", "http://127.0.0.01",
          "http://127.0.0.0x1", "http://a.1", "http://127.0.0.1.", "http://0x"}) {
        CAPTURE(text);
        CHECK(refusal(text) == "the host ends in a number but is no IPv4 address");
    }
}

TEST_CASE("a port is a number from 1 to 65535") {
    for (const char* port : {"0", "65536", "99999999999999999999", "-1", "+1", "8a", "a", "1:2", "0x50", ":"}) {
        CAPTURE(port);
        CHECK(refusal("http://a:"s + port) == "the port must be a number from 1 to 65535, not '"s + port + "'");
    }
}

TEST_CASE("a byte that could end a request line is refused wherever it stands") {
    CHECK(refusal("http://a/b c") == "a space at offset 10");
    CHECK(refusal(" http://a") == "a space at offset 0");
    CHECK(refusal("http://a/\r\nX: y") == "byte 0x0d at offset 9");
    CHECK(refusal("http://a/\n") == "byte 0x0a at offset 9");
    CHECK(refusal("http://a/\0b"s) == "byte 0x00 at offset 9");
    CHECK(refusal("http://a/#\x7f") == "byte 0x7f at offset 10");
    CHECK(refusal("http://\xc3\xa4.example/") == "byte 0xc3 at offset 7");
}

TEST_CASE("a path has only what RFC 3986 lets stand in it, and whole escapes") {
    const std::string allowed = "/-._~!$&'()*+,;=:@/?-._~!$&'()*+,;=:@/?aZ09%2F";
    CHECK(url("http://a" + allowed).path_and_query() == allowed);
    CHECK(refusal("http://a/[b]") == "'[' must be written %5B");
    CHECK(refusal("http://a/?b={c}") == "'{' must be written %7B");
    CHECK(refusal("http://a/b\\c") == "'\\' must be written %5C");
    CHECK(refusal("http://a/\"") == "'\"' must be written %22");
    CHECK(refusal("http://a/%") == "'%' is not a percent escape");
    CHECK(refusal("http://a/%4") == "'%4' is not a percent escape");
    CHECK(refusal("http://a/%g0/b") == "'%g0' is not a percent escape");
    CHECK(refusal("http://a/?%%41") == "'%%4' is not a percent escape");
}

TEST_CASE("an error shows a long or broken text shortened and harmless") {
    std::string error;
    CHECK_FALSE(Url::parse("http://a/" + std::string(1000, ' '), error));
    CHECK(error.size() < 200);
    CHECK_FALSE(Url::parse("http://a\x1b[2J", error));
    CHECK(error == "'http://a?[2J' is not a URL: byte 0x1b at offset 8");
}

// ---- references

TEST_CASE("a reference means what RFC 3986 §5.4 says it does") {
    std::string error;
    const std::optional<Url> base = Url::parse("http://a/b/c/d;p?q", error);
    REQUIRE(base);
    const std::pair<const char*, const char*> rows[] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"//g:81/x?y", "http://g:81/x?y"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"https://other:8443/x", "https://other:8443/x"},
        {"//", nullptr},
        {"mailto:me", nullptr},
        {"g h", nullptr},
        {"http:g", nullptr},
    };
    for (const auto& [reference, expected] : rows) {
        CAPTURE(reference);
        const std::optional<Url> joined = base->join(reference, error);
        CHECK(joined.has_value() == (expected != nullptr));
        if (joined && expected != nullptr) CHECK(joined->to_string() == expected);
    }
}

TEST_CASE("an origin is scheme, host and port") {
    const Url here = url("http://a.example/x");
    for (const char* same : {"http://a.example/", "http://A.example:80/y?z"}) {
        CHECK(here.same_origin(url(same)));
    }
    for (const char* other : {"https://a.example/", "http://a.example:81/", "http://b.a.example/"}) {
        CHECK_FALSE(here.same_origin(url(other)));
    }
}
