// Finds the parts of a status line, `HTTP-version SP status-code SP [ reason-phrase ] CRLF` (RFC 9112 §4). Refuses at
// the first byte what does not answer in HTTP/1.1 or HTTP/1.0 at all.
//
// Wider than the grammar in one thing: without a reason phrase the space before it may be missing too. Servers do so,
// and it cannot be read in two ways.
#pragma once

#include <cstdint>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/request_line.hpp>
#include <stepwise/net/http/scan.hpp>

namespace stepwise::http {

class StatusLineScanner {
public:
    // The line begins at the start of the block.
    void start() { *this = StatusLineScanner(); }

    // done: the parts below are known and `position()` is just behind the CRLF.
    ScanResult scan(const char* block, std::uint32_t available, const ParserLimits& limits, ErrorSlot& error);

    Version version() const { return version_; }
    int status() const { return status_; }  // 100 … 999
    Span reason() const { return reason_; }
    std::uint32_t position() const { return position_; }

private:
    enum class Step : std::uint8_t { code, space, reason, carriage_return, line_feed };

    ScanResult scan_code(const char* block, std::uint32_t end, ErrorSlot& error);
    ScanResult note_code(const char* block, ErrorSlot& error);
    ScanResult scan_reason(const char* block, std::uint32_t end);
    ScanResult scan_line_end(const char* block, std::uint32_t available, ErrorSlot& error);

    Step step_ = Step::code;
    Version version_ = Version::http_1_1;
    int status_ = 0;
    std::uint32_t position_ = 0;
    Span reason_;
};

}  // namespace stepwise::http
