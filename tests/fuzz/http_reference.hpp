// HTTP/1.1 messages read the plain way, on whole strings: what a parser took must be what these find in the same bytes.
// They refuse nothing that a parser should have refused, but for what would make two readers differ about where a
// message ends; that ends the program.
#pragma once

#include <stepwise/net/http/header_fields.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::fuzz {

// The lines of a block that ends in an empty line, without that one. Only CRLF ends a line, and no control character
// but a tab stands in one.
std::vector<std::string_view> lines_of(std::string_view block);

// Each line is `name: value` of the field at its place.
void expect_fields(const std::vector<std::string_view>& lines, const http::HeaderFields& fields);

struct ChunkedBody {
    std::string content;
    std::vector<std::string_view> trailer_lines;
    std::size_t size;  // up to and with the empty line behind the trailers
};
// The chunked body at the beginning of these bytes.
ChunkedBody read_chunked_body(std::string_view bytes);

// Written with each field on its line, without the spaces that may stand around a value.
std::string written_fields(const http::HeaderFields& fields);

// `name: value, name: value`
std::string described_fields(const http::HeaderFields& fields);

}  // namespace stepwise::fuzz
