// Takes the chunked coding off a body (RFC 9112 §7.1), up to and including the line of the last chunk; the trailer
// section behind it is a FieldScanner's. A chunk's data is handed on as views into the input, in as many pieces as it
// came; size lines are read byte by byte and need no buffer, wherever they are split.
//
// Extensions are checked by their grammar, bounded and ignored: none is known here.
#pragma once

#include <cstdint>
#include <optional>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/scan.hpp>
#include <string_view>

namespace stepwise::http {

class ChunkedDecoder {
public:
    void start() { *this = ChunkedDecoder(); }

    // Consumes from the front of `input`. item: `piece()` is content. done: the last chunk's line has ended.
    ScanResult next(std::string_view& input, const ParserLimits& limits, ErrorSlot& error);
    std::string_view piece() const { return piece_; }

private:
    enum class Step : std::uint8_t {
        size,
        element_end,  // behind a size or a quoted value: an extension or the line's end
        semicolon,    // behind white space there: an extension, which it was for
        name_begin,
        name,
        name_end,  // behind white space: a value or the next extension
        value_begin,
        value,
        quoted,
        escaped,
        line_feed,
        data,
        data_carriage_return,
        data_line_feed
    };

    ScanResult take_byte(char byte, const ParserLimits& limits, ErrorSlot& error);
    ScanResult take_size_byte(char byte, const ParserLimits& limits, ErrorSlot& error);
    ScanResult take_extension_byte(char byte, const ParserLimits& limits, ErrorSlot& error);
    static std::optional<Step> step_behind(Step step, char byte);
    ScanResult end_size(const ParserLimits& limits, ErrorSlot& error);
    static ScanResult refuse_line(const ParserLimits& limits, ErrorSlot& error);
    ScanResult end_line();
    void start_line();

    Step step_ = Step::size;
    std::uint32_t size_digits_ = 0;
    std::uint32_t line_bytes_ = 0;
    std::uint32_t extension_bytes_ = 0;  // of all chunks so far
    std::uint64_t remaining_ = 0;        // of this chunk
    std::uint64_t body_bytes_ = 0;       // of all chunks so far, this one included
    std::string_view piece_;
};

}  // namespace stepwise::http
