// What the protocol copies, keeps and allocates, counted with the operator new in support.cpp.
#include <stepwise/tests/net/http/support.hpp>

#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/writer.hpp>

#include <thread>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

const std::string get =
    "GET /a%20path/of/some/length HTTP/1.1\r\nHost: example.org\r\nAccept: text/html\r\nX: y\r\n\r\n";
const std::string post =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";

// A sink that never grows: what a cork with room looks like.
class FixedSink {
public:
    char* prepare(std::size_t size) {
        CHECK(size_ + size <= sizeof bytes_);
        ++prepared;
        return bytes_ + size_;
    }
    void commit(std::size_t size) { size_ += size; }
    std::string_view text() const { return {bytes_, size_}; }
    void clear() { size_ = 0; }
    int prepared = 0;

private:
    char bytes_[4096];
    std::size_t size_ = 0;
};

// Returns how many requests it saw.
template <class Look>
int parse_all(RequestParser& parser, std::string_view bytes, Look look) {
    int messages = 0;
    parser.receive_data(bytes);
    for (;;) {
        const Event event = parser.next_event();
        if (std::holds_alternative<NeedMore>(event)) return messages;
        if (const auto* start = std::get_if<StartOfMessage>(&event)) look(*start->head);
        if (std::holds_alternative<EndOfMessage>(event)) ++messages;
    }
}

}  // namespace

TEST_CASE("an idle parser has at most 32 bytes and holds no other memory") {
    CHECK(sizeof(RequestParser) <= 32);
    const std::size_t before = allocation_count();
    RequestParser parser;
    CHECK(std::holds_alternative<NeedMore>(parser.next_event()));
    CHECK(allocation_count() == before);
}

TEST_CASE("after the first requests, whole requests are parsed without an allocation") {
    RequestParser parser;
    const auto ignore = [](const RequestHead&) {};
    parse_all(parser, get + post, ignore);
    const std::size_t before = allocation_count();
    int messages = 0;
    for (int index = 0; index < 100; ++index)
        messages += parse_all(parser, get, ignore) + parse_all(parser, post, ignore);
    CHECK(allocation_count() == before);
    CHECK(messages == 200);
}

TEST_CASE("heads and bodies are viewed where they lie") {
    const std::string bytes = "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    const auto lies_inside = [&](std::string_view view) {
        return view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + bytes.size();
    };
    RequestParser parser;
    parser.receive_data(bytes);
    const Event start = parser.next_event();
    CHECK(lies_inside(std::get<StartOfMessage>(start).head->target()));
    CHECK(lies_inside(std::get<StartOfMessage>(start).head->headers().get("host")));
    const Event body = parser.next_event();
    CHECK(lies_inside(std::get<BodyData>(body).bytes));
}

TEST_CASE("a body that comes after its head is never copied") {
    RequestParser parser;
    const std::string body(100'000, 'b');
    parse_all(parser, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", [](const RequestHead&) {});
    const std::size_t before = allocation_count();
    for (int index = 0; index < 10; ++index) {
        parser.receive_data(body);
        const Event event = parser.next_event();
        REQUIRE(std::holds_alternative<BodyData>(event));
        CHECK(std::get<BodyData>(event).bytes.data() == body.data());
        parser.next_event();
    }
    CHECK(allocation_count() == before);
}

TEST_CASE("a head that came in pieces leaves no buffer behind, and what it took serves the next parser") {
    RequestParser parser;
    const auto ignore = [](const RequestHead&) {};
    for (const char byte : get) parse_all(parser, {&byte, 1}, ignore);
    CHECK(parser.is_between_messages());
    CHECK(parser.unconsumed().empty());
    const std::size_t before = allocation_count();
    for (int index = 0; index < 100; ++index) {
        RequestParser another;
        CHECK(parse_all(another, get, ignore) == 1);
        CHECK(parse_all(parser, get, ignore) == 1);
    }
    CHECK(allocation_count() == before);
}

TEST_CASE("parsers that are within messages at once, and those of a thread that ends, leave nothing behind") {
    const auto parse_many = [] {
        std::vector<RequestParser> parsers(200);
        for (RequestParser& parser : parsers) {
            parser.receive_data(std::string_view(get).substr(0, 20));
            CHECK(describe(parser.next_event()) == "need more");
        }
        for (RequestParser& parser : parsers)
            CHECK(parse_all(parser, std::string_view(get).substr(20), [](const RequestHead&) {}) == 1);
    };
    std::thread(parse_many).join();
    parse_many();
}

TEST_CASE("a head that comes byte by byte is kept with amortised copies") {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(30'000, 'x') + "\r\n\r\n";
    RequestParser parser;
    const std::size_t before = allocated_bytes();
    for (const char& byte : bytes) {
        parser.receive_data({&byte, 1});
        parser.next_event();
    }
    CHECK(allocated_bytes() - before < 4 * bytes.size());
}

TEST_CASE("requests that wait while another is answered survive their receive buffer") {
    RequestParser parser;
    std::string buffer = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHo";
    parser.receive_data(buffer);
    CHECK(describe(parser.next_event()) == "head(GET /1 1.1 keep-alive; Host: a)");
    CHECK(describe(parser.next_event()) == "end");
    parser.keep_unconsumed();
    buffer.assign(buffer.size(), '\x01');
    CHECK(parser.unconsumed().substr(0, 6) == "GET /2");
    CHECK(describe(parser.next_event()) == "head(GET /2 1.1 keep-alive; Host: a)");
    parser.keep_unconsumed();
    CHECK(describe(parser.next_event()) == "end");
    // More bytes may come before the parser was asked for more.
    parser.receive_data("st: b\r\n\r\nGET /4");
    CHECK(describe(parser.next_event()) == "head(GET /3 1.1 keep-alive; Host: b)");
    CHECK(describe(parser.next_event()) == "end");
    CHECK(describe(parser.next_event()) == "need more");
    parser.receive_data(" HTTP/1.1\r\nHost: c\r\n\r\n");
    CHECK(describe(parser.next_event()) == "head(GET /4 1.1 keep-alive; Host: c)");
}

TEST_CASE("a parser that was moved goes on where it was") {
    RequestParser first;
    first.receive_data("GET / HT");
    CHECK(describe(first.next_event()) == "need more");
    RequestParser second(std::move(first));
    second.receive_data("TP/1.1\r\nHost: a\r\n\r\n");
    CHECK(describe(second.next_event()) == "head(GET / 1.1 keep-alive; Host: a)");
}

TEST_CASE("a request that is borrowed, owned and answered again and again allocates nothing") {
    RequestParser parser;
    Request request;
    Response response = Response::text("Hello, World!");
    FixedSink sink;
    char date[29];
    format_http_date(784111777, date);
    WriteOptions options;
    options.date = {date, sizeof date};
    const auto serve = [&](bool owns) {
        return parse_all(parser, get, [&](const RequestHead& head) {
            request.assign(head);
            request.set_remote_ip("127.0.0.1");
            request.add_path_parameter("name", request.raw_path().substr(1, 4));
            if (owns) request.own();
            CHECK_FALSE(request.path() != "/a path/of/some/length");
            sink.clear();
            write_response(sink, response, options);
        });
    };
    serve(true);
    const std::size_t before = allocation_count();
    std::size_t within = 0;
    for (int index = 0; index < 100; ++index) {
        serve(false);
        serve(true);
        within = allocation_count();
    }
    CHECK(within == before);
}

TEST_CASE("a head and a small body are one piece of output") {
    FixedSink sink;
    write_response(sink, Response::text("Hello, World!"), {});
    CHECK(sink.prepared == 1);
    CHECK(sink.text() ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, World!");
}
