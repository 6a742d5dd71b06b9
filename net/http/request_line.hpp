// Finds the parts of a request line, `method SP target SP HTTP-version CRLF` (RFC 9112 §3), after at most one empty
// line, which old clients send behind a body (§2.2). Each part is checked byte by byte; whether the target fits the
// method is for `split_target` to say, whether the method exists for the router.
#pragma once

#include <cstdint>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/scan.hpp>

namespace stepwise::http {

enum class Version : std::uint8_t { http_1_0, http_1_1 };

class RequestLineScanner {
public:
    // The line, or the empty line before it, begins at the start of the block.
    void start() { *this = RequestLineScanner(); }

    // done: the parts below are known and `position()` is just behind the CRLF.
    ScanResult scan(const char* block, std::uint32_t available, const ParserLimits& limits, ErrorSlot& error);

    Span method() const { return method_; }
    Span target() const { return target_; }
    // It has neither a query nor an escape.
    bool target_is_plain() const { return (target_classes_ & character_class::mark) == 0; }
    Version version() const { return version_; }
    std::uint32_t position() const { return position_; }

private:
    enum class Step : std::uint8_t { empty_line, method, target, version, carriage_return, line_feed };

    bool scan_at_once(const char* block, std::uint32_t end);
    ScanResult skip_empty_line(const char* block, std::uint32_t available, ErrorSlot& error);
    ScanResult scan_method(const char* block, std::uint32_t end, ErrorSlot& error);
    ScanResult scan_target(const char* block, std::uint32_t end, ErrorSlot& error);
    ScanResult scan_version(const char* block, std::uint32_t end, ErrorSlot& error);
    ScanResult scan_line_end(const char* block, std::uint32_t available, ErrorSlot& error);
    ScanResult refuse_length(const ParserLimits& limits, ErrorSlot& error) const;

    Step step_ = Step::empty_line;
    Version version_ = Version::http_1_1;
    std::uint8_t target_classes_ = 0;  // of all its bytes together
    std::uint32_t begin_ = 0;
    std::uint32_t position_ = 0;
    Span method_;
    Span target_;
};

}  // namespace stepwise::http
