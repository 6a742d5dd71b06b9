// Percent-decoding, query arguments and paths that climb: RFC 3986.
#include <doctest/doctest.h>

#include <stepwise/net/http/target.hpp>
#include <string>

using namespace stepwise::http;
using namespace std::string_literals;

TEST_CASE("escapes are decoded, in either case, once") {
    CHECK(percent_decode("") == "");
    CHECK(percent_decode("/a%20b%2Fc%2fd") == "/a b/c/d");
    CHECK(percent_decode("%e4%BD%a0%E5%A5%BD") == "你好");
    CHECK(percent_decode("%2541") == "%41");
    CHECK(percent_decode("a+b") == "a+b");
    CHECK(percent_decode("a+b%2B", PlusSign::is_space) == "a b+");
    CHECK(percent_decode("%00") == "\0"s);
}

TEST_CASE("a broken escape is nothing, not text") {
    for (const char* text : {"%", "%4", "a%", "%zz", "%4g", "%g4", "%%41", "%-1", "% 1"}) {
        CAPTURE(text);
        CHECK(percent_decode(text) == std::nullopt);
        CHECK(!has_valid_escapes(text));
    }
    CHECK(has_valid_escapes("/a%20b"));
    CHECK(!has_valid_escapes("/a%00"));
}

TEST_CASE("a query argument is found by its decoded name, the first one first") {
    CHECK(query_value("a=1&b=2&a=3", "a") == "1");
    CHECK(query_value("a=1&b=2&a=3", "b") == "2");
    CHECK(query_value("a=1", "c") == std::nullopt);
    CHECK(query_value("", "a") == std::nullopt);
    CHECK(query_value("a", "a") == "");
    CHECK(query_value("a=", "a") == "");
    CHECK(query_value("a==b=c", "a") == "=b=c");
    CHECK(query_value("&&a=1&", "a") == "1");
    CHECK(query_value("%61=%E4%BD%A0+%2B", "a") == "你 +");
    CHECK(query_value("a+b=1", "a b") == "1");
    CHECK(query_value("ab=1&a=2", "a") == "2");
    CHECK(query_value("a=%", "a") == std::nullopt);
    CHECK(query_value("%=1&a=2", "a") == "2");
}

TEST_CASE("query arguments are taken off one by one") {
    std::string_view query = "a=1&&b&=c";
    auto argument = take_query_argument(query);
    REQUIRE(argument.has_value());
    CHECK(argument->name == "a");
    CHECK(argument->value == "1");
    argument = take_query_argument(query);
    REQUIRE(argument.has_value());
    CHECK(argument->name == "b");
    CHECK(argument->value == "");
    argument = take_query_argument(query);
    REQUIRE(argument.has_value());
    CHECK(argument->name == "");
    CHECK(argument->value == "c");
    CHECK(!take_query_argument(query).has_value());
}

TEST_CASE("a path that could climb out of a folder is not safe") {
    for (const char* path : {"/..", "..", "/../a", "/a/..", "/a/../b", "/%2e%2e/a", "/.%2E", "/%2e.", "/a%2f..%2fb",
                             "/a/..%2f", "/a\\..\\b", "/a%5c..", "/a%00", "/%", "/a%2F%2e%2E"}) {
        CAPTURE(path);
        CHECK(!is_safe_path(path));
    }
    for (const char* path :
         {"/", "", "/a/b", "/...", "/a..b", "/..a", "/a..", "/.", "/./a", "/%2e", "/%252e%252e", "/a/.b/..c/d.."}) {
        CAPTURE(path);
        CHECK(is_safe_path(path));
    }
}

TEST_CASE("a target is split into its parts") {
    const auto parts = split_target("GET", "https://[::1]:443/a?b?c");
    REQUIRE(parts.has_value());
    CHECK(parts->authority == "[::1]:443");
    CHECK(parts->path == "/a");
    CHECK(parts->query == "b?c");
    CHECK(!split_target("GET", "").has_value());
    CHECK(split_target("GET", "//a")->path == "//a");
    CHECK(!split_target("OPTIONS", "**").has_value());
}
