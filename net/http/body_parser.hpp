// What follows a head, for requests and responses alike: content of a known length, chunked (RFC 9112 §7.1) with its
// trailers, or all that comes until the peer ends the connection (§6.3).
//
// Content is handed on as views into the input. Reused from message to message with its memory.
#pragma once

#include <cstdint>
#include <stepwise/net/http/body_framing.hpp>
#include <stepwise/net/http/chunked.hpp>
#include <stepwise/net/http/field_scanner.hpp>
#include <stepwise/net/http/header_fields.hpp>
#include <stepwise/net/http/input_buffer.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/scan.hpp>
#include <string_view>

namespace stepwise::http {

// False for what a recipient would have had to know before the content (RFC 9110 §6.5.1).
bool may_be_trailer(std::string_view name);

class BodyParser {
public:
    // `length`: of a body that is framed so. It was checked against body_bytes_max.
    void start(BodyFraming framing, std::uint64_t length);

    // item: `piece()` is content. done: it has ended, and `trailers()` is complete.
    ScanResult next(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error) {
        if (step_ == Step::content && remaining_ == 0) return ScanResult::done;
        return next_part(input, limits, error);
    }
    std::string_view piece() const { return piece_; }
    const HeaderFields& trailers() const { return trailers_; }

    // The peer has ended the connection, and all input was looked at. False: that is too early.
    bool end_input();

private:
    enum class Step : std::uint8_t { content, chunks, trailers, until_close };

    ScanResult next_part(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error);
    ScanResult next_content(InputBuffer& input);
    ScanResult next_until_close(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error);
    ScanResult next_chunk(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error);
    ScanResult next_trailers(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error);

    Step step_ = Step::content;
    std::uint64_t remaining_ = 0;  // of content; of a body until the end: how many bytes came
    ChunkedDecoder chunks_;
    FieldScanner trailer_scanner_;
    HeaderFields trailers_;
    std::string_view piece_;
};

}  // namespace stepwise::http
