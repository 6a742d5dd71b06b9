// From the first byte of a request to the empty line that ends its head: the request line, the fields, and what they
// say together about framing (RFC 9112 §3, §5, §6). Whatever could be read in two ways is refused, as two servers in a
// row that disagree are a request smuggler's door.
//
// Works in the block that it is given, which may move between calls, and remembers offsets only.
#pragma once

#include <cstdint>
#include <stepwise/net/http/field_scanner.hpp>
#include <stepwise/net/http/request_head.hpp>

namespace stepwise::http {

class HeadParser {
public:
    void start(RequestHead& head);

    // done: `head` is complete, and its block is the first `size()` bytes of this one.
    ScanResult parse(const char* block, std::uint32_t available, const ParserLimits& limits, RequestHead& head,
                     ErrorSlot& error);
    std::uint32_t size() const { return fields_.position(); }

private:
    ScanResult note_request_line(const char* block, RequestHead& head, ErrorSlot& error);
    ScanResult note_field(const char* block, RequestHead& head, ErrorSlot& error);
    ScanResult note_host(std::string_view value, RequestHead& head, ErrorSlot& error);
    ScanResult finish(const ParserLimits& limits, RequestHead& head, ErrorSlot& error) const;

    RequestLineScanner line_;
    FieldScanner fields_;
    bool line_is_done_ = false;
    bool has_host_ = false;
};

}  // namespace stepwise::http
