// The bytes of responses: RFC 9110 §6.6, §8.6, §15, RFC 9112 §4, §6, §7.1, §9.3.
#include <doctest/doctest.h>

#include <stdexcept>
#include <stepwise/net/http/writer.hpp>
#include <string>

using namespace stepwise;
using namespace stepwise::http;

namespace {

std::string written(const Response& response, const WriteOptions& options = {}) {
    std::string out;
    net::StringSink sink(out);
    write_response(sink, response, options);
    return out;
}

struct StreamHead {
    BodyFraming framing;
    std::string bytes;
};

StreamHead streamed(const WriteOptions& options, int status = 200) {
    const Response response(status);
    OutgoingHead head(response);
    head.content_length.reset();
    std::string out;
    net::StringSink sink(out);
    const BodyFraming framing = write_response_head(sink, head, options);
    return {framing, out};
}

WriteOptions for_head() {
    WriteOptions options;
    options.head_request = true;
    return options;
}

WriteOptions for_1_0(bool keep_alive) {
    WriteOptions options;
    options.http_1_0 = true;
    options.keep_alive = keep_alive;
    return options;
}

std::string date_of(std::time_t time) {
    char date[29];
    format_http_date(time, date);
    return {date, sizeof date};
}

}  // namespace

TEST_CASE("a response is a status line, its fields, its length and its body") {
    Response response = Response::text("hello");
    response.headers.add("X-One", "1").add("X-Two", "2");
    const std::string date = date_of(784111777);
    WriteOptions options;
    options.date = date;
    CHECK(written(response, options) ==
          "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-One: 1\r\nX-Two: 2\r\n"
          "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello");
}

TEST_CASE("a Content-Type among the headers goes before the response's own, and is the only one") {
    Response response = Response::text("hello");
    response.headers.set("content-type", "text/csv");
    CHECK(written(response) == "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\nContent-Length: 5\r\n\r\nhello");
}

TEST_CASE("an empty body has a length too, so that the client need not wait") {
    CHECK(written(Response(404)) == "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("204, 205 and 304 have no body and no length of one, whatever the handler gave") {
    CHECK(written(Response(204, "body", {})) == "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(written(Response(304, "body", {})) == "HTTP/1.1 304 Not Modified\r\n\r\n");
    CHECK(written(Response(205, "body", {})) == "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
    CHECK(streamed({}, 204).framing == BodyFraming::none);
    CHECK(streamed({}, 204).bytes == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("HEAD gets the head that GET would get") {
    const std::string head = written(Response::text("hello"), for_head());
    CHECK(head + "hello" == written(Response::text("hello")));
    CHECK(streamed(for_head()).framing == BodyFraming::none);
}

TEST_CASE("Connection says what HTTP/1.1 and HTTP/1.0 do not assume") {
    WriteOptions closes;
    closes.keep_alive = false;
    CHECK(written(Response(404), closes) == "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK(written(Response(404), for_1_0(true)) ==
          "HTTP/1.1 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    CHECK(written(Response(404), for_1_0(false)) ==
          "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    Response last(404);
    last.close_connection = true;
    CHECK(written(last) == "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("an Upgrade field is named in Connection, as in a 426") {
    Response response(426);
    response.headers.add("Upgrade", "websocket");
    CHECK(written(response) ==
          "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n");
    response.close_connection = true;
    CHECK(written(response).find("\r\nConnection: Upgrade, close\r\n") != std::string::npos);
}

TEST_CASE("a status without a phrase keeps its space, and one that ends no exchange is the caller's mistake") {
    CHECK(written(Response(299)) == "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
    CHECK(written(Response(599)) == "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n");
    for (const int status : {0, -200, 100, 101, 199, 600, 1000}) {
        CAPTURE(status);
        CHECK_THROWS_AS(written(Response(status)), std::invalid_argument);
    }
}

TEST_CASE("the longest head fits what was prepared for it") {
    for (const int status : {200, 431, 511, 599}) {
        Response response(status, std::string(1, 'x'), "text/plain; charset=utf-8");
        response.headers.add("Upgrade", std::string(1000, 'u'));
        WriteOptions options = for_1_0(true);
        const std::string date = date_of(0);
        options.date = date;
        OutgoingHead head(response);
        head.content_length = ~std::uint64_t{0};
        std::string out;
        net::StringSink sink(out);
        write_response_head(sink, head, options);
        CHECK(out.size() <= detail::response_head_bytes_max(head, options));
        CHECK(out.find("Content-Length: 18446744073709551615\r\n") != std::string::npos);
    }
}

TEST_CASE("a large body follows its head byte for byte") {
    const std::string body(100'000, 'b');
    const std::string out = written(Response::text(body));
    CHECK(out.substr(out.find("\r\n\r\n") + 4) == body);
}

TEST_CASE("a body of unknown length is chunked in HTTP/1.1 and ends with the connection in HTTP/1.0") {
    const StreamHead modern = streamed({});
    CHECK(modern.framing == BodyFraming::chunked);
    CHECK(modern.bytes == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const StreamHead old = streamed(for_1_0(true));
    CHECK(old.framing == BodyFraming::until_close);
    CHECK(old.bytes == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST_CASE("chunks have their size before them, and an empty piece is no chunk") {
    std::string out;
    net::StringSink sink(out);
    write_chunk(sink, "hello");
    write_chunk(sink, "");
    write_chunk(sink, std::string(300, 'x'));
    write_last_chunk(sink);
    CHECK(out == "5\r\nhello\r\n12c\r\n" + std::string(300, 'x') + "\r\n0\r\n\r\n");
}

TEST_CASE("interim responses are what a client waits for") {
    std::string out;
    net::StringSink sink(out);
    write_continue(sink);
    CHECK(out == "HTTP/1.1 100 Continue\r\n\r\n");
    out.clear();
    Headers headers;
    headers.add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    headers.add("Upgrade", "something else");
    write_switching_protocols(sink, "websocket", headers);
    CHECK(out ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    CHECK_THROWS_AS(write_switching_protocols(sink, "a\r\nb", headers), std::invalid_argument);
}

TEST_CASE("a date of another length than HTTP's is refused, before a byte is written") {
    const std::string date = date_of(0);
    for (const std::string& wrong : {date.substr(1), date + " ", std::string("now")}) {
        CAPTURE(wrong);
        WriteOptions options;
        options.date = wrong;
        CHECK_THROWS_AS(written(Response(200), options), std::invalid_argument);
    }
}

TEST_CASE("a date is in the fixed form of HTTP, in UTC") {
    CHECK(date_of(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(date_of(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(date_of(951827696) == "Tue, 29 Feb 2000 12:34:56 GMT");
    CHECK(date_of(4102444799) == "Thu, 31 Dec 2099 23:59:59 GMT");
}
