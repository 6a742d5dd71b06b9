// What a ResponseParser copies, keeps and allocates, counted with the operator new in support.cpp.
#include <stepwise/tests/net/http/response_support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

const std::string empty_ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

void drain(ResponseParser& parser) {
    while (!std::holds_alternative<NeedMore>(parser.next_event())) continue;
}

}  // namespace

TEST_CASE("an idle parser has at most 128 bytes, and memory can be given back between messages") {
    CHECK(sizeof(ResponseParser) <= 128);
    const std::size_t before = allocation_count();
    ResponseParser parser;
    CHECK(std::holds_alternative<NeedMore>(parser.next_event()));
    CHECK(allocation_count() == before);
    parser.expect_response("GET");
    parser.receive_data("HTTP/1.1 2");
    drain(parser);
    parser.release_memory();  // does nothing here
    parser.receive_data("00\r\nContent-Length: 0\r\n\r\n");
    drain(parser);
    CHECK(parser.is_between_messages());
    CHECK(parser.expected_responses() == 0);
    parser.release_memory();
    const std::size_t released = allocation_count();
    parser.expect_response("GET");
    parser.receive_data(empty_ok);
    drain(parser);
    CHECK(allocation_count() > released);  // it had given everything back
}

TEST_CASE("after the first responses, whole ones are parsed without an allocation") {
    ResponseParser parser;
    const std::string chunked = "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
    const auto parse = [&] {
        for (const std::string& bytes : {std::cref(empty_ok), std::cref(chunked)}) {
            parser.expect_response("GET");
            parser.receive_data(bytes);
            drain(parser);
        }
    };
    parse();
    const std::size_t before = allocation_count();
    for (int index = 0; index < 100; ++index) parse();
    CHECK(allocation_count() == before);
}

TEST_CASE("a parser that was moved goes on where it was") {
    ResponseParser first;
    first.expect_response("HEAD");
    first.receive_data("HTTP/1.1 200 ");
    CHECK(describe(first.next_event()) == "need more");
    ResponseParser second(std::move(first));
    second.receive_data("OK\r\nContent-Length: 7\r\n\r\n");
    CHECK(describe(second.next_event()) == "head(200 OK 1.1 keep-alive length 7; Content-Length: 7)");
    CHECK(describe(second.next_event()) == "end");
}
