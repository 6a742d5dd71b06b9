// Several requests in the same bytes, and bytes that wait or belong to another protocol: RFC 9112 §9.3.2, RFC 9110
// §7.8.
#include <fmt/format.h>

#include <stepwise/tests/net/http/support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

TEST_CASE("16 requests in the same bytes come out one after another") {
    std::string bytes;
    std::string expected;
    for (int index = 0; index < 16; ++index) {
        const char* const space = index == 0 ? "" : " ";
        if (index % 3 == 0) {
            bytes += fmt::format("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", index);
            expected += fmt::format("{}head(GET /{} 1.1 keep-alive; Host: a) end", space, index);
        } else if (index % 3 == 1) {
            bytes += fmt::format("PUT /{} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n", index);
            expected += fmt::format("{}head(PUT /{} 1.1 keep-alive length 3; Host: a, Content-Length: 3) body(abc) end",
                                    space, index);
        } else {
            bytes += fmt::format("PUT /{} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", index);
            bytes += "3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n";
            expected += fmt::format(
                "{}head(PUT /{} 1.1 keep-alive chunked; Host: a, Transfer-Encoding: chunked) body(abcde) end(T: v)",
                space, index);
        }
    }
    CHECK(events_of(bytes) == expected);
}

TEST_CASE("an error ends the line of requests, and those before it were handed out") {
    CHECK(events_of("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\n").substr(0, 60) ==
          "head(GET /1 1.1 keep-alive; Host: a) end error(400 RFC 9112 ");
}

TEST_CASE("no state of a request reaches the next one") {
    CHECK(
        events_of("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nx"
                  "GET / HTTP/1.1\r\nHost: b\r\n\r\n") ==
        "head(PUT / 1.1 close length 1 expects continue; Host: a, Content-Length: 1, Expect: 100-continue, "
        "Connection: close) body(x) end head(GET / 1.1 keep-alive; Host: b) end");
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n") == "400 RFC 9112 §3.2");

    const std::string bytes = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.0\r\n\r\n";
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        RequestParser parser;
        int heads = 0;
        for (const std::string& piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
            parser.receive_data(piece);
            for (Event event = parser.next_event(); event.index() != 0; event = parser.next_event()) {
                const auto* start = std::get_if<StartOfMessage>(&event);
                if (start == nullptr || ++heads != 2) continue;
                CHECK(!start->head->has_body());
                CHECK(start->head->host().empty());
            }
        }
        CHECK(heads == 2);
    }
}

TEST_CASE("what follows the head of an upgrade is left for the next protocol") {
    const std::string head = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const std::string bytes = head + "\x81\x85rest";
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        CAPTURE(cut);
        RequestParser parser;
        std::string rest;
        bool is_upgraded = false;
        for (const std::string_view piece :
             {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) {
            if (is_upgraded) {
                rest += piece;
                continue;
            }
            parser.receive_data(piece);
            while (!is_upgraded) {
                const Event event = parser.next_event();
                if (std::holds_alternative<NeedMore>(event)) break;
                is_upgraded = std::holds_alternative<EndOfMessage>(event);
            }
            if (is_upgraded) rest = parser.unconsumed();
        }
        CHECK(rest == "\x81\x85rest");
    }
}

TEST_CASE("a head stays readable while the rest of its message comes out of the same bytes") {
    const std::string bytes =
        "PUT /path HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        CAPTURE(cut);
        RequestParser parser;
        std::string first = bytes.substr(0, cut);
        parser.receive_data(first);
        while (!std::holds_alternative<NeedMore>(parser.next_event())) continue;
        first.assign(first.size(), '\x01');
        parser.receive_data(std::string_view(bytes).substr(cut));
        const RequestHead* head = nullptr;
        for (Event event = parser.next_event(); !std::holds_alternative<NeedMore>(event); event = parser.next_event()) {
            if (const auto* start = std::get_if<StartOfMessage>(&event)) head = start->head;
            if (head == nullptr) continue;
            CHECK(head->path() == "/path");
            CHECK(head->headers().get("host") == "a");
        }
    }
}

TEST_CASE("a head is still readable when its body is not complete, until more is received") {
    const std::string begin = "PUT /path HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: ";
    for (std::size_t cut = 0; cut < 20; ++cut) {
        RequestParser parser;
        parser.receive_data(std::string_view(begin).substr(0, cut));
        CHECK(describe(parser.next_event()) == "need more");
        parser.receive_data(std::string_view(begin).substr(cut));
        const Event start = parser.next_event();
        REQUIRE(std::holds_alternative<StartOfMessage>(start));
        while (!std::holds_alternative<NeedMore>(parser.next_event())) continue;
        CHECK(std::get<StartOfMessage>(start).head->path() == "/path");
    }
}
