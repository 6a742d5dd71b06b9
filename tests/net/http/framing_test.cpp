// Where a body ends, and what is refused because two readers could differ about it: RFC 9112 §6, RFC 9110 §8.6,
// §10.1.1.
#include <stepwise/tests/net/http/support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

std::string post(const std::string& fields, const std::string& body = {}) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}

}  // namespace

TEST_CASE("a body is as long as its Content-Length says") {
    CHECK(events_of(post("Content-Length: 5\r\n", "hello")) ==
          "head(POST / 1.1 keep-alive length 5; Host: a, Content-Length: 5) body(hello) end");
    CHECK(events_of(post("Content-Length: 0\r\n")) ==
          "head(POST / 1.1 keep-alive length 0; Host: a, Content-Length: 0) end");
    CHECK(events_of(post("Content-Length: 0005\r\n", "\r\n\0\r\n"s)) ==
          "head(POST / 1.1 keep-alive length 5; Host: a, Content-Length: 0005) body(\r\n\0\r\n) end"s);
    CHECK(events_of(post("Content-Length: 9\r\n", "hell")) ==
          "head(POST / 1.1 keep-alive length 9; Host: a, Content-Length: 9) body(hell)");
}

TEST_CASE("a request without Content-Length and Transfer-Encoding has no body") {
    CHECK(events_of(post("")) == "head(POST / 1.1 keep-alive; Host: a) end");
}

TEST_CASE("a Content-Length is digits and nothing else") {
    for (const char* value :
         {"+5", "-5", "0x5", "5a", "5 5", "5,5", "5, 5", "5.0", "", " ", "\"5\"", "1e3", "\xd9\xa5"}) {
        CAPTURE(value);
        CHECK(refusal_of(post("Content-Length: "s + value + "\r\n", "hello")) == "400 RFC 9112 §6.3");
    }
}

TEST_CASE("a Content-Length that 64 bits cannot hold is refused, one that they can is only too large") {
    CHECK(refusal_of(post("Content-Length: 18446744073709551616\r\n")) == "400 RFC 9110 §8.6");
    CHECK(refusal_of(post("Content-Length: 99999999999999999999999999\r\n")) == "400 RFC 9110 §8.6");
    CHECK(refusal_of(post("Content-Length: 18446744073709551615\r\n")) == "413 RFC 9110 §15.5.14");
}

TEST_CASE("two Content-Length fields are refused, equal or not") {
    CHECK(refusal_of(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")) == "400 RFC 9112 §6.3");
    CHECK(refusal_of(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")) == "400 RFC 9112 §6.3");
}

TEST_CASE("a Content-Length together with a Transfer-Encoding is refused") {
    const std::string body = "0\r\n\r\n";
    CHECK(refusal_of(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body)) == "400 RFC 9112 §6.3");
    CHECK(refusal_of(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body)) == "400 RFC 9112 §6.3");
    CHECK(refusal_of(post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", body)) == "400 RFC 9112 §6.3");
}

TEST_CASE("chunked must be the only coding, and the last one in any case") {
    const auto coding = [](const std::string& value) {
        return post("Transfer-Encoding: " + value + "\r\n", "0\r\n\r\n");
    };
    CHECK(refusal_of(coding("gzip, chunked")) == "501 RFC 9112 §6.1");
    CHECK(refusal_of(coding(",gzip,, chunked,")) == "501 RFC 9112 §6.1");
    for (const char* value : {"gzip", "identity", "chunked, gzip", "xchunked", "chunkedx", "\"chunked\"", "chunked;q=1",
                              "", ",", " , ,", "gzip,", "chunked, gzip,", ",x,"}) {
        CAPTURE(value);
        CHECK(refusal_of(coding(value)) == "400 RFC 9112 §6.3");
    }
    for (const char* value : {"chunked, chunked", "chunked,,chunked", ",chunked ,\tchunked,"}) {
        CAPTURE(value);
        CHECK(refusal_of(coding(value)) == "400 RFC 9112 §6.1");
    }
    CHECK(refusal_of(coding("chunked\r\nTransfer-Encoding: chunked")) == "400 RFC 9112 §6.1");
    CHECK(refusal_of(coding("chunked\x0b")) == "400 RFC 9110 §5.5");
    CHECK(events_of(coding("\tCHUNKED ")) ==
          "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: CHUNKED) end");
    for (const std::string value : {"chunked,", ",chunked", "chunked ,", ", ,\t,chunked,,"}) {
        CAPTURE(value);
        CHECK(events_of(coding(value)) ==
              "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: " + value + ") end");
        CHECK(refusal_of(coding(value + "\r\nContent-Length: 5")) == "400 RFC 9112 §6.3");
        CHECK(refusal_of(coding(value + "\r\nTransfer-Encoding: chunked")) == "400 RFC 9112 §6.1");
    }
}

TEST_CASE("a Transfer-Encoding in HTTP/1.0 is refused") {
    CHECK(refusal_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == "400 RFC 9112 §6.1");
}

TEST_CASE("a client that expects 100 Continue is seen, if it has a body and speaks HTTP/1.1") {
    CHECK(events_of(post("Expect: 100-Continue\r\nContent-Length: 2\r\n", "ab")) ==
          "head(POST / 1.1 keep-alive length 2 expects continue; Host: a, Expect: 100-Continue, Content-Length: 2) "
          "body(ab) end");
    CHECK(events_of(post("Expect: 100-continue\r\n")) ==
          "head(POST / 1.1 keep-alive; Host: a, Expect: 100-continue) end");
    CHECK(events_of("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na") ==
          "head(POST / 1.0 close length 1; Expect: 100-continue, Content-Length: 1) body(a) end");
}

TEST_CASE("the end of the connection is clean between messages and a mistake within one") {
    const std::string request = post("Content-Length: 5\r\n", "hello");
    for (std::size_t size = 0; size <= request.size(); ++size) {
        CAPTURE(size);
        const std::string events = events_to_the_end_of(std::string_view(request).substr(0, size));
        const bool is_mistake = events.find("error(400 RFC 9112 §8: ") != std::string::npos;
        CHECK(is_mistake == (size != 0 && size != request.size()));
    }
}

TEST_CASE("an empty line and then the end of the connection is a clean end") {
    CHECK(events_to_the_end_of("\r\n").empty());
}

TEST_CASE("the end of the connection after an error is that error") {
    const std::string error = "error(400 RFC 9112 §2.2: a bare LF in the request line; only CRLF ends a line)";
    CHECK(events_of("GET\n") == error);
    CHECK(events_to_the_end_of("GET\n") == error);
}
