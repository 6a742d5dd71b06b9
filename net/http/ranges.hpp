// Parts of a representation: the Range field, and 206 and 416 (RFC 9110 §14).
//
//     std::optional<http::ByteRanges> ranges = http::parse_ranges("bytes=0-99,-100", 1000);   // {0, 99}, {900, 999}
//
// What a client may ask for at once is bounded: more than ranges_max, or ranges that overlap, are answered whole, as
// §14.2 allows, so that a small request cannot make a large response. Does no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stepwise/net/http/message.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

// Inclusive, as they are written.
struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;

    ByteRange() = default;
    ByteRange(std::uint64_t first_byte, std::uint64_t last_byte) : first(first_byte), last(last_byte) {}

    std::uint64_t size() const { return last - first + 1; }
};

// In the order of the request; none: no part of it is there (416).
using ByteRanges = std::vector<ByteRange>;

inline constexpr std::size_t ranges_max = 16;

// Of a representation of `size` bytes. Nothing: the field does not count, and all is sent.
std::optional<ByteRanges> parse_ranges(std::string_view field, std::uint64_t size);

// "bytes 0-99/1000"
std::string content_range(const ByteRange& range, std::uint64_t size);
// "bytes */1000", of a 416.
std::string content_range_unsatisfied(std::uint64_t size);

// How several ranges are sent as one body: before each part its head, behind the last one the end.
class MultipartRanges {
public:
    MultipartRanges(ByteRanges ranges, std::string content_type, std::uint64_t size, std::string boundary);

    const ByteRanges& ranges() const { return ranges_; }
    std::string part_head(std::size_t index) const;
    std::string end() const { return "\r\n--" + boundary_ + "--\r\n"; }
    std::uint64_t body_bytes() const;
    std::string content_type() const { return "multipart/byteranges; boundary=" + boundary_; }

private:
    ByteRanges ranges_;
    std::string content_type_;
    std::uint64_t size_;
    std::string boundary_;
};

// Makes 206 or 416 of a response whose whole body is there, if the request has a Range that counts.
void answer_range(const Request& request, Response& response);

}  // namespace stepwise::http
