// Responses in their order: interim ones, pipelined ones, those that end HTTP, and bytes that nobody asked for.
// RFC 9110 §15.2, §7.8, RFC 9112 §9.2, §9.3.
#include <stepwise/tests/net/http/damage.hpp>
#include <stepwise/tests/net/http/response_support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

const std::string empty_ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string empty_ok_events = "head(200 OK 1.1 keep-alive length 0; Content-Length: 0) end";

}  // namespace

TEST_CASE("interim responses come before the response to the same request") {
    CHECK(responses_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + empty_ok) ==
          "interim(100 Continue 1.1 keep-alive) interim(103 Early Hints 1.1 keep-alive; Link: a) " + empty_ok_events);
    // They have no body, whatever their fields say.
    CHECK(responses_of("HTTP/1.1 102\r\nContent-Length: 5\r\n\r\n" + empty_ok) ==
          "interim(102 1.1 keep-alive length 5; Content-Length: 5) " + empty_ok_events);
}

TEST_CASE("interim_responses_max of them are accepted for each request, one more is refused") {
    Asked asked{{"GET", "GET"}};
    asked.limits.interim_responses_max = 2;
    const std::string interim = "HTTP/1.1 100\r\n\r\n";
    const std::string two = "interim(100 1.1 keep-alive) interim(100 1.1 keep-alive) ";
    CHECK(responses_of(interim + interim + empty_ok + interim + interim + empty_ok, asked) ==
          two + empty_ok_events + " " + two + empty_ok_events);
    CHECK(response_refusal_of(interim + interim + interim, asked) == "431 RFC 9110 §15.2");
    CHECK(response_complaint_of(interim + interim + interim, asked) ==
          "more interim responses than interim_responses_max (2)");
}

TEST_CASE("each response is framed by its own request") {
    const std::string with_length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    const std::string head = "head(200 OK 1.1 keep-alive length 3; Content-Length: 3)";
    CHECK(responses_of(with_length + with_length + "abc" + with_length + with_length + "def",
                       {{"HEAD", "GET", "HEAD", "POST"}}) ==
          head + " end " + head + " body(abc) end " + head + " end " + head + " body(def) end");
}

TEST_CASE("no state of a response reaches the next one") {
    CHECK(responses_of(
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\nT: v\r\n\r\n" + empty_ok,
              {{"GET", "GET"}}) ==
          "head(200 OK 1.1 close chunked; Transfer-Encoding: chunked, Connection: close) end(T: v) " + empty_ok_events);
}

TEST_CASE("bytes that no request asked for are refused, at once") {
    CHECK(response_refusal_of("H", {{}}) == "502 RFC 9112 §9.2");
    CHECK(response_refusal_of(empty_ok + "H") == "502 RFC 9112 §9.2");
    CHECK(response_refusal_of(empty_ok + empty_ok) == "502 RFC 9112 §9.2");
    CHECK(response_complaint_of(empty_ok + "\r\n") == "the server sent bytes that no request asked for");
}

TEST_CASE("what follows a switch of protocols is left for the next one") {
    const std::string upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    const std::string bytes = upgrade + "\x81\x05hello";
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        CAPTURE(cut);
        ResponseParser parser;
        parser.expect_response("GET");
        std::string events;
        std::string piece = bytes.substr(0, cut);
        parser.receive_data(piece);
        for (int round = 0; round < 2; ++round) {
            for (ResponseEvent event = parser.next_event(); !std::holds_alternative<NeedMore>(event);
                 event = parser.next_event()) {
                events += describe(event);
            }
            piece.assign(piece.size(), '\x01');
            if (round == 0) parser.receive_data(std::string_view(bytes).substr(cut));
        }
        CHECK(events == "head(101 Switching Protocols 1.1 close switches; Upgrade: websocket, Connection: Upgrade)end");
        CHECK(parser.unconsumed() == "\x81\x05hello");
        CHECK_FALSE(parser.is_between_messages());
        CHECK_FALSE(parser.receive_eof());
    }
}

TEST_CASE("2xx to CONNECT begins a tunnel, anything else is a response like others") {
    CHECK(responses_of("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\ntunnel", {{"CONNECT"}}) ==
          "head(200 1.1 close length 5 switches; Content-Length: 5) end");
    CHECK(responses_of("HTTP/1.1 407\r\nContent-Length: 5\r\n\r\nhello" + empty_ok, {{"CONNECT", "CONNECT"}}) ==
          "head(407 1.1 keep-alive length 5; Content-Length: 5) body(hello) end "
          "head(200 OK 1.1 close length 0 switches; Content-Length: 0) end");
}

TEST_CASE("damaged responses are understood or refused the same, however they are cut") {
    const std::string seeds[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: a\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\n\r\n<html>",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
    };
    Damage damage(20240301);
    Asked asked{{"GET", "GET", "HEAD"}, true};
    Asked small = asked;
    small.limits.status_line_bytes_max = 20;
    small.limits.header_bytes_max = 60;
    small.limits.header_count_max = 3;
    small.limits.body_bytes_max = 6;
    small.limits.chunk_line_bytes_max = 5;
    int refused = 0;
    for (int round = 0; round < 3000; ++round) {
        const std::string bytes = damage.done_to(seeds[damage.below(std::size(seeds))]);
        CAPTURE(bytes);
        const std::string events = responses_of(bytes, round % 2 == 0 ? asked : small);
        refused +=
            events.find("error(502 RFC 9112 §8") == std::string::npos && events.find("error(") != std::string::npos ? 1
                                                                                                                    : 0;
    }
    CHECK(refused > 500);
    CHECK(refused < 2900);
}
