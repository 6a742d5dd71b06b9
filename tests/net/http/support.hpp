// What the protocol tests share: what a RequestParser makes of bytes however they are cut, and a count of allocations.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <stepwise/net/http/parser.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http::test {

using namespace std::string_literals;

// One event as text: need more · head(GET / 1.1 keep-alive; Host: a) · body(abc) · end · end(trailer: x) ·
// error(400 RFC 9112 §3: …).
std::string describe(const Event& event);
std::string describe(const net::ProtocolError& error);
std::string describe_fields(const HeaderFields& fields);

// The events of a parser that receives these pieces, up to an error, joined with spaces; body pieces that follow one
// another are joined. After each piece its bytes are overwritten and freed, so that a view which outlives its time is
// seen; an error must come again when asked again.
std::string events_of_pieces(const std::vector<std::string_view>& pieces, const ParserLimits& limits = {});

// The events of these bytes received whole; checks that byte by byte and cuts in two give the same (each cut, or for
// long inputs some hundred spread over them).
std::string events_of(std::string_view bytes, const ParserLimits& limits = {});

// The error that ends these bytes. The test fails if there is none.
net::ProtocolError error_of(std::string_view bytes, const ParserLimits& limits = {});
// The same as "400 RFC 9112 §3".
std::string refusal_of(std::string_view bytes, const ParserLimits& limits = {});

// The head of these bytes handed to `look`, while its views are good. The test fails if they do not begin with one.
template <class Look>
void with_head(std::string_view bytes, Look look) {
    RequestParser parser;
    parser.receive_data(bytes);
    const Event event = parser.next_event();
    REQUIRE(std::holds_alternative<StartOfMessage>(event));
    look(*std::get<StartOfMessage>(event).head);
}

// How often the program has called operator new so far, and for how many bytes.
std::size_t allocation_count();
std::size_t allocated_bytes();

}  // namespace stepwise::http::test
