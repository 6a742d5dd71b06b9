// What the protocol tests share: what a RequestParser makes of bytes however they are cut, and a count of allocations.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/tests/cuts.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http::test {

using namespace std::string_literals;
using testing::Pieces;
using testing::same_however_cut;
using testing::ShortLived;
using testing::ways_to_cut;

// What came out so far, with pieces of a body joined: bodies are cut where the bytes were.
class Transcript {
public:
    void add_body(std::string_view bytes) {
        CHECK(!bytes.empty());
        body_ = body_.value_or("") + std::string(bytes);
    }
    void add(const std::string& event) {
        end_body();
        text_ += (text_.empty() ? "" : " ") + event;
    }
    std::string text() {
        end_body();
        return text_;
    }

private:
    void end_body() {
        if (body_) text_ += " body(" + *body_ + ")";
        body_.reset();
    }

    std::string text_;
    std::optional<std::string> body_;
};

// One event as text: need more · head(GET / 1.1 keep-alive; Host: a) · body(abc) · end · end(trailer: x) ·
// error(400 RFC 9112 §3: …).
std::string describe(const Event& event);
std::string describe(const net::ProtocolError& error);
std::string describe_fields(const HeaderFields& fields);

// The events of a parser that receives these bytes, up to an error, joined with spaces; body pieces that follow one
// another are joined. The same whole and however they are cut. After each piece its bytes are overwritten and freed, so
// that a view which outlives its time is seen; an error must stay, and nothing behind it be looked at.
std::string events_of(std::string_view bytes, const ParserLimits& limits = {});

// The same with the end of the connection behind the bytes: an error, if that was too early.
std::string events_to_the_end_of(std::string_view bytes);

// The error that ends these bytes. The test fails if there is none.
net::ProtocolError error_of(std::string_view bytes, const ParserLimits& limits = {});
// The same as "400 RFC 9112 §3".
std::string refusal_of(std::string_view bytes, const ParserLimits& limits = {});

// The head of these bytes handed to `look`, while its views are good, for each way to cut the bytes. The test fails if
// they do not begin with one.
template <class Look>
void with_head(std::string_view bytes, Look look) {
    std::vector<Pieces> ways = ways_to_cut(bytes);
    ways.push_back({bytes});
    for (const Pieces& pieces : ways) {
        RequestParser parser;
        Event event;
        for (std::size_t index = 0; index < pieces.size() && std::holds_alternative<NeedMore>(event); ++index) {
            parser.receive_data(pieces[index]);
            event = parser.next_event();
        }
        REQUIRE(std::holds_alternative<StartOfMessage>(event));
        look(*std::get<StartOfMessage>(event).head);
    }
}

// How often the program has called operator new so far, and for how many bytes.
std::size_t allocation_count();
std::size_t allocated_bytes();

}  // namespace stepwise::http::test
