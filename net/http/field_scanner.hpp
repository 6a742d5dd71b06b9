// Finds field lines, `name: value CRLF`, up to the empty line that ends them: in a head and in a trailer section alike
// (RFC 9112 §5). Strict where leniency has let two servers read one message differently: only CRLF ends a line, no
// folding, no space around the name, no control characters.
//
// One per block of bytes at a time; resumes where the bytes ended. Knows nothing about what a field means.
#pragma once

#include <cstdint>
#include <stepwise/net/http/header_fields.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/scan.hpp>

namespace stepwise::http {

class FieldScanner {
public:
    // The field lines begin at this offset of the block.
    void start(std::uint32_t begin);

    // item: `field()` is one more field. done: `position()` is just behind the empty line.
    ScanResult next(const char* block, std::uint32_t available, const ParserLimits& limits, ErrorSlot& error);

    const FieldSpan& field() const { return field_; }
    std::uint32_t position() const { return position_; }

private:
    enum class Step : std::uint8_t { line_start, name, space, value, line_feed, last_line_feed };

    bool take_line(const char* block, std::uint32_t end, const ParserLimits& limits);
    ScanResult start_line(const char* block, std::uint32_t available, const ParserLimits& limits, ErrorSlot& error);
    ScanResult out_of_bytes(std::uint32_t available, const ParserLimits& limits, ErrorSlot& error) const;
    ScanResult refuse_name(char byte, ErrorSlot& error) const;
    static ScanResult refuse_value(char byte, ErrorSlot& error);
    void end_value(const char* block);

    Step step_ = Step::line_start;
    std::uint32_t begin_ = 0;
    std::uint32_t position_ = 0;
    std::uint32_t count_ = 0;
    FieldSpan field_{};
};

}  // namespace stepwise::http
