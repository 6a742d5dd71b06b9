// What a peer may send, in bytes and counts. Each limit is inclusive (a line of exactly `…_max` bytes is
// accepted), and the error that one of them causes names it, its value and the status that the peer must be told.
#pragma once

#include <cstdint>

namespace stepwise::http {

struct ParserLimits {
    // The request line without its CRLF. Beyond it: 414 in the target, 501 in the method.
    std::uint32_t request_line_bytes_max = 8192;
    // The status line without its CRLF. Beyond it: 431.
    std::uint32_t status_line_bytes_max = 8192;
    // All field lines of a head with their CRLFs; also of a trailer section, on its own. Beyond it: 431.
    std::uint32_t header_bytes_max = 32 * 1024;
    std::uint32_t header_count_max = 100;
    // Responses of 1xx before the one to a request. Beyond it: 431.
    std::uint32_t interim_responses_max = 16;
    // One chunk-size line without its CRLF: the size and its extensions. Beyond it: 400.
    std::uint32_t chunk_line_bytes_max = 256;
    // All chunk extensions of one body. Beyond it: 400.
    std::uint32_t chunk_extension_bytes_max = 4096;
    // The content, chunked or not. 0 accepts no content at all. Beyond it: 413.
    std::uint64_t body_bytes_max = 1024 * 1024;

    // Offsets into a head are 32 bits wide, so larger bounds for its parts than this are cut down to it.
    static constexpr std::uint32_t head_part_bytes_max = 1U << 30;
};

}  // namespace stepwise::http
