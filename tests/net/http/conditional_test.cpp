// Preconditions and ranges: what a request asks, and what a response in memory becomes.
#include <stepwise/tests/net/http/request_of.hpp>

#include <stepwise/net/http/conditional.hpp>
#include <stepwise/net/http/ranges.hpp>

using namespace stepwise::http;
using stepwise::http::test::request_of;

namespace {

constexpr std::time_t changed = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
const std::string at = "Sun, 06 Nov 1994 08:49:37 GMT\r\n";
const std::string before = "Sun, 06 Nov 1994 08:49:36 GMT\r\n";
const std::string behind = "Sun, 06 Nov 1994 08:49:38 GMT\r\n";

std::string check(const std::string& fields, std::string_view method = "GET", std::string_view etag = "\"a\"") {
    switch (check_preconditions(request_of(method, "/", fields), Validators{etag, changed})) {
        case Precondition::go_on:
            return "go on";
        case Precondition::not_modified:
            return "304";
        case Precondition::failed:
            break;
    }
    return "412";
}

Response answer(const std::string& fields, std::string body, std::string_view method = "GET") {
    Response response = Response::text(std::move(body));
    response.headers.set("ETag", "\"a\"").set("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    answer_conditionally(request_of(method, "/", fields), response);
    return response;
}

std::string ranges_of(std::string_view field, std::uint64_t size) {
    const std::optional<ByteRanges> ranges = parse_ranges(field, size);
    if (!ranges) return "all";
    std::string text;
    for (const ByteRange& range : *ranges) {
        text += (text.empty() ? "" : " ") + std::to_string(range.first) + "-" + std::to_string(range.last);
    }
    return text.empty() ? "none" : text;
}

}  // namespace

TEST_CASE("If-None-Match compares weakly, and counts before the date") {
    CHECK(check("") == "go on");
    CHECK(check("If-None-Match: \"a\"\r\n") == "304");
    CHECK(check("If-None-Match: W/\"a\"\r\n") == "304");
    CHECK(check("If-None-Match: \"a\"\r\n", "GET", "W/\"a\"") == "304");
    CHECK(check("If-None-Match: \"b\", \"x,y\" , W/\"a\"\r\n") == "304");
    CHECK(check("If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n") == "304");
    CHECK(check("If-None-Match: *\r\n") == "304");
    CHECK(check("If-None-Match: \"b\"\r\nIf-Modified-Since: " + at) == "go on");
    CHECK(check("If-None-Match: a\r\nIf-Modified-Since: " + at) == "go on");
    CHECK(check("If-None-Match: *\r\n", "PUT") == "412");
    CHECK(check("If-None-Match: \"a\"\r\n", "GET", "") == "go on");
}

TEST_CASE("dates count to the second, for GET and HEAD") {
    CHECK(check("If-Modified-Since: " + at) == "304");
    CHECK(check("If-Modified-Since: " + behind) == "304");
    CHECK(check("If-Modified-Since: " + before) == "go on");
    CHECK(check("If-Modified-Since: " + at, "HEAD") == "304");
    CHECK(check("If-Modified-Since: " + at, "POST") == "go on");
    CHECK(check("If-Modified-Since: yesterday\r\n") == "go on");
    CHECK(check("If-Unmodified-Since: " + at, "PUT") == "go on");
    CHECK(check("If-Unmodified-Since: " + before, "PUT") == "412");
}

TEST_CASE("If-Match compares strongly, counts before the date, and before everything else") {
    CHECK(check("If-Match: \"a\"\r\n", "PUT") == "go on");
    CHECK(check("If-Match: *\r\n", "PUT") == "go on");
    CHECK(check("If-Match: W/\"a\"\r\n", "PUT") == "412");
    CHECK(check("If-Match: \"a\"\r\n", "PUT", "W/\"a\"") == "412");
    CHECK(check("If-Match: \"b\"\r\n", "PUT") == "412");
    CHECK(check("If-Match: broken\r\n", "PUT") == "412");
    CHECK(check("If-Match: \"a\"\r\nIf-Unmodified-Since: " + before, "PUT") == "go on");
    CHECK(check("If-Match: \"a\"\r\nIf-None-Match: \"a\"\r\n") == "304");
    CHECK(check("If-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n") == "412");
}

TEST_CASE("the three forms of a date, and what is none") {
    CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == changed);
    CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == changed);
    CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == changed);
    CHECK(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
    CHECK(parse_http_date("Sunday, 01-Jan-40 00:00:00 GMT") == 2'208'988'800);
    for (std::string_view text : {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
                                  "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMTx",
                                  "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Mai 1994 08:49:37 GMT", "784111777"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_http_date(text));
    }
}

TEST_CASE("ranges of a representation") {
    CHECK(ranges_of("bytes=0-0", 10) == "0-0");
    CHECK(ranges_of("bytes=0-", 10) == "0-9");
    CHECK(ranges_of("bytes=-3", 10) == "7-9");
    CHECK(ranges_of("bytes=-30", 10) == "0-9");
    CHECK(ranges_of("bytes=5-100", 10) == "5-9");
    CHECK(ranges_of("bytes=5-99999999999999999999999", 10) == "5-9");
    CHECK(ranges_of("Bytes = 0-1 , 4-5,, -1", 10) == "0-1 4-5 9-9");
    CHECK(ranges_of("bytes=8-9,0-1", 10) == "8-9 0-1");
    CHECK(ranges_of("bytes=10-", 10) == "none");
    CHECK(ranges_of("bytes=-0", 10) == "none");
    CHECK(ranges_of("bytes=0-1,10-20", 10) == "0-1");
    CHECK(ranges_of("bytes=0-", 0) == "none");
    for (std::string_view field : {"", "bytes", "bytes=", "bytes=,", "bytes=a-b", "bytes=3-2", "bytes=1", "bytes=-",
                                   "bytes=+1-2", "items=0-1", "bytes=0-1,x", "bytes=0-5,5-9", "bytes=0 - 1"}) {
        CAPTURE(field);
        CHECK(ranges_of(field, 10) == "all");
    }
}

TEST_CASE("more ranges than ranges_max are answered whole") {
    std::string field = "bytes=0-0";
    for (std::size_t count = 1; count < ranges_max; ++count)
        field += "," + std::to_string(2 * count) + "-" + std::to_string(2 * count);
    CHECK(parse_ranges(field, 1000)->size() == ranges_max);
    CHECK_FALSE(parse_ranges(field + ",900-901", 1000));
}

TEST_CASE("a response with validators becomes 304, 412, 206 or 416") {
    CHECK(answer("", "0123456789").status == 200);
    Response same = answer("If-None-Match: \"a\"\r\n", "0123456789");
    CHECK(same.status == 304);
    CHECK(same.body.empty());
    CHECK(same.headers.find("ETag") == "\"a\"");
    CHECK(answer("If-Match: \"b\"\r\n", "0123456789").status == 412);
    Response part = answer("Range: bytes=2-4\r\n", "0123456789");
    CHECK(part.status == 206);
    CHECK(part.body == "234");
    CHECK(part.headers.find("Content-Range") == "bytes 2-4/10");
    Response none = answer("Range: bytes=10-\r\n", "0123456789");
    CHECK(none.status == 416);
    CHECK(none.headers.find("Content-Range") == "bytes */10");
    CHECK(answer("Range: bytes=2-4\r\n", "0123456789", "HEAD").status == 200);
    CHECK(answer("Range: bytes=2-4\r\n", "").status == 200);
    Response untagged = Response::text("0123456789");
    answer_conditionally(request_of("GET", "/", "Range: bytes=2-4\r\n"), untagged);
    CHECK(untagged.status == 200);
}

TEST_CASE("several ranges are parts with heads of their own") {
    Response response = answer("Range: bytes=0-1,-2\r\n", "0123456789");
    CHECK(response.status == 206);
    const std::string type(response.headers.find("Content-Type").value());
    REQUIRE(type.starts_with("multipart/byteranges; boundary="));
    const std::string boundary = type.substr(31);
    CHECK(response.body ==
          "--" + boundary +
              "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--" + boundary +
              "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--" + boundary +
              "--\r\n");
    const MultipartRanges parts(*parse_ranges("bytes=0-1,-2", 10), "text/plain; charset=utf-8", 10, boundary);
    CHECK(parts.body_bytes() == response.body.size());
}

TEST_CASE("If-Range lets a range count only for exactly what is there") {
    const std::string range = "Range: bytes=2-4\r\nIf-Range: ";
    CHECK(answer(range + "\"a\"\r\n", "0123456789").status == 206);
    CHECK(answer(range + "W/\"a\"\r\n", "0123456789").status == 200);
    CHECK(answer(range + "\"b\"\r\n", "0123456789").status == 200);
    CHECK(answer(range + at, "0123456789").status == 206);
    CHECK(answer(range + behind, "0123456789").status == 200);
    CHECK(answer(range + "nonsense\r\n", "0123456789").status == 200);
}

TEST_CASE("the tag of a body follows from its bytes") {
    Response response = Response::text("hello");
    add_etag(request_of("GET", "/"), response);
    CHECK(response.headers.find("ETag") == etag_of("hello"));
    CHECK(etag_of("hello") != etag_of("hello "));
    CHECK(etag_of("").size() == 26);
    Response posted = Response::text("hello");
    add_etag(request_of("POST", "/"), posted);
    CHECK_FALSE(posted.headers.contains("ETag"));
}
