// From the first byte of a response to the empty line that ends its head: the status line, the fields, and what they
// say, together with the method that was asked with, about framing (RFC 9112 §4, §5, §6.3).
//
// Works in the block that it is given, which may move between calls, and remembers offsets only.
#pragma once

#include <cstdint>
#include <stepwise/net/http/field_scanner.hpp>
#include <stepwise/net/http/response_head.hpp>
#include <stepwise/net/http/status_line.hpp>

namespace stepwise::http {

// The methods whose responses are framed in their own way.
enum class AskedMethod : std::uint8_t { head, connect, any_other };

class ResponseHeadParser {
public:
    void start(ResponseHead& head);

    // done: `head` is complete, and its block is the first `size()` bytes of this one.
    ScanResult parse(const char* block, std::uint32_t available, const ParserLimits& limits, AskedMethod asked,
                     ResponseHead& head, ErrorSlot& error);
    std::uint32_t size() const { return fields_.position(); }

private:
    static ScanResult finish(const ParserLimits& limits, AskedMethod asked, ResponseHead& head, ErrorSlot& error);

    StatusLineScanner line_;
    FieldScanner fields_;
    bool line_is_done_ = false;
};

}  // namespace stepwise::http
