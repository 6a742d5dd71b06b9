#include <doctest/doctest.h>

#include <stepwise/ws/handshake.hpp>

using namespace stepwise::ws;

TEST_CASE("an origin is the same when scheme-port and host agree") {
    CHECK(same_origin("http://example.com", "example.com"));
    CHECK(same_origin("https://example.com", "example.com"));
    CHECK(same_origin("http://localhost:8080", "localhost:8080"));
    CHECK(same_origin("HTTP://Example.COM", "eXample.com"));
    CHECK(same_origin("http://[::1]:8080", "[::1]:8080"));
    CHECK(same_origin("http://[2001:DB8::1]", "[2001:db8::1]"));
}

TEST_CASE("a port that is left out is the default of the origin's scheme") {
    CHECK(same_origin("http://example.com", "example.com:80"));
    CHECK(same_origin("http://example.com:80", "example.com"));
    CHECK(same_origin("https://example.com", "example.com:443"));
    CHECK(same_origin("https://[::1]", "[::1]:443"));
    CHECK_FALSE(same_origin("http://example.com", "example.com:443"));
    CHECK_FALSE(same_origin("https://example.com", "example.com:80"));
    CHECK_FALSE(same_origin("http://[::1]", "[::1]:8080"));
}

TEST_CASE("other hosts, other ports and what is no http origin differ") {
    CHECK_FALSE(same_origin("null", "null"));
    CHECK_FALSE(same_origin("", ""));
    CHECK_FALSE(same_origin("http://", ""));
    CHECK_FALSE(same_origin("example.com", "example.com"));
    CHECK_FALSE(same_origin("file://", ""));
    CHECK_FALSE(same_origin("ftp://example.com", "example.com"));
    CHECK_FALSE(same_origin("http://evil.com", "example.com"));
    CHECK_FALSE(same_origin("http://example.com.evil.com", "example.com"));
    CHECK_FALSE(same_origin("http://example.com@evil.com", "example.com"));
    CHECK_FALSE(same_origin("http://example.com/page", "example.com"));
    CHECK_FALSE(same_origin("http://localhost:8081", "localhost:8080"));
    CHECK_FALSE(same_origin("http://localhost", "127.0.0.1"));
}

TEST_CASE("a request without Origin passes, one with two does not") {
    UpgradeRequest request{.method = "GET", .host = {"a:80"}};
    CHECK(same_origin(request));
    request.origin = {"http://a"};
    CHECK(same_origin(request));
    request.origin = {"http://a", "http://a"};
    CHECK_FALSE(same_origin(request));
    request.origin = {"null"};
    CHECK_FALSE(same_origin(request));
}

TEST_CASE("a refused origin gets 403 that names it") {
    const UpgradeRequest request{.method = "GET", .host = {"a"}, .origin = {"http://evil.com"}};
    const UpgradeRejected rejected = reject_origin(request);
    CHECK(rejected.error.code == 403);
    CHECK(rejected.error.message == "a page of http://evil.com may not open a WebSocket of a: another origin");
    CHECK(rejected.fields.empty());
}
