#include <stepwise/net/http/head_parser.hpp>

#include <fmt/format.h>
#include <limits>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

constexpr std::string_view framing_section = "RFC 9112 §6.3";

Span span_of(std::string_view part, const char* block) {
    if (part.empty()) return {};
    return {static_cast<std::uint32_t>(part.data() - block), static_cast<std::uint32_t>(part.size())};
}

}  // namespace

void HeadParser::start(RequestHead& head) {
    line_.start();
    line_is_done_ = has_host_ = wants_close_ = wants_keep_alive_ = false;
    head.headers_.clear();
    head.content_length_ = 0;
    head.has_content_length_ = head.chunked_ = head.expect_continue_ = false;
    head.host_ = {};
}

ScanResult HeadParser::parse(const char* block, std::uint32_t available, const ParserLimits& limits, RequestHead& head,
                             ErrorSlot& error) {
    if (!line_is_done_) {
        const ScanResult line = line_.scan(block, available, limits, error);
        if (line != ScanResult::done) return line;
        if (note_request_line(block, head, error) == ScanResult::failed) return ScanResult::failed;
        line_is_done_ = true;
        fields_.start(line_.position());
    }
    for (;;) {
        const ScanResult field = fields_.next(block, available, limits, error);
        if (field == ScanResult::item) {
            head.headers_.add(fields_.field());
            if (note_field(block, head, error) == ScanResult::failed) return ScanResult::failed;
            continue;
        }
        if (field != ScanResult::done) return field;
        head.block_size_ = size();
        head.set_block(block);
        return finish(limits, head, error);
    }
}

ScanResult HeadParser::note_request_line(const char* block, RequestHead& head, ErrorSlot& error) {
    const std::string_view method = line_.method().in(block);
    const std::string_view target = line_.target().in(block);
    const std::optional<TargetParts> parts = split_target(method, target);
    if (!parts) {
        return fail(error, 400, "RFC 9112 §3.2",
                    fmt::format("the request target is invalid for {}", method.size() <= 32 ? method : "this method"));
    }
    head.method_ = line_.method();
    head.target_ = line_.target();
    head.version_ = line_.version();
    head.target_form_ = parts->form;
    head.path_ = span_of(parts->path, block);
    head.query_ = span_of(parts->query, block);
    head.authority_ = span_of(parts->authority, block);
    return ScanResult::done;
}

// Names of a length that no field of interest has are not looked at.
ScanResult HeadParser::note_field(const char* block, RequestHead& head, ErrorSlot& error) {
    const FieldSpan& span = fields_.field();
    const std::string_view name(block + span.name_begin, span.name_size);
    const std::string_view value(block + span.value_begin, span.value_size);
    switch (name.size()) {
        case 4:
            if (equal_ignoring_case(name, "host")) {
                head.host_ = {span.value_begin, span.value_size};
                return note_host(value, head, error);
            }
            break;
        case 6:
            if (equal_ignoring_case(name, "expect") && equal_ignoring_case(value, "100-continue")) {
                head.expect_continue_ = true;
            }
            break;
        case 10:
            if (equal_ignoring_case(name, "connection")) note_connection(value);
            break;
        case 14:
            if (equal_ignoring_case(name, "content-length")) return note_content_length(value, head, error);
            break;
        case 17:
            if (equal_ignoring_case(name, "transfer-encoding")) return note_transfer_encoding(value, head, error);
            break;
        default:
            break;
    }
    return ScanResult::done;
}

ScanResult HeadParser::note_host(std::string_view value, RequestHead& head, ErrorSlot& error) {
    if (has_host_) return fail(error, 400, "RFC 9112 §3.2", "more than one Host field");
    if (!is_valid_host(value)) {
        head.host_ = {};
        return fail(error, 400, "RFC 9112 §3.2", "the Host field is not a valid host and port");
    }
    has_host_ = true;
    return ScanResult::done;
}

// Stricter than §6.3 allows: "5, 5" and two equal fields are refused too. No client that is not broken sends them.
ScanResult HeadParser::note_content_length(std::string_view value, RequestHead& head, ErrorSlot& error) const {
    if (head.has_content_length_) return fail(error, 400, framing_section, "more than one Content-Length field");
    if (value.empty()) return fail(error, 400, framing_section, "the Content-Length is empty");
    constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t length = 0;
    for (const char c : value) {
        if (!is_digit(c)) {
            return fail(error, 400, framing_section, fmt::format("{} in the Content-Length", name_of_byte(c)));
        }
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (length > (largest - digit) / 10) {
            return fail(error, 400, "RFC 9110 §8.6", "the Content-Length is larger than 64 bits can hold");
        }
        length = length * 10 + digit;
    }
    head.content_length_ = length;
    head.has_content_length_ = true;
    return ScanResult::done;
}

// Only `chunked` is known here. A body whose last coding is not chunked has no reliable end: 400 (§6.3, rule 4.2);
// one that is chunked but was encoded before is only unknown to this server: 501 (§6.1).
ScanResult HeadParser::note_transfer_encoding(std::string_view value, RequestHead& head, ErrorSlot& error) const {
    if (head.chunked_) return fail(error, 400, "RFC 9112 §6.1", "more than one Transfer-Encoding field");
    if (line_.version() == Version::http_1_0) {
        return fail(error, 400, "RFC 9112 §6.1", "a Transfer-Encoding in an HTTP/1.0 request");
    }
    head.chunked_ = true;
    if (equal_ignoring_case(value, "chunked")) return ScanResult::done;
    std::string_view last;
    bool repeats_chunked = false;
    while (!value.empty()) {
        repeats_chunked = repeats_chunked || equal_ignoring_case(last, "chunked");
        last = take_list_element(value);
    }
    if (!equal_ignoring_case(last, "chunked")) {
        return fail(error, 400, framing_section, "the last Transfer-Encoding is not chunked: the body has no end");
    }
    if (repeats_chunked) return fail(error, 400, "RFC 9112 §6.1", "the Transfer-Encoding names chunked twice");
    return fail(error, 501, "RFC 9112 §6.1", "no Transfer-Encoding but chunked is supported");
}

void HeadParser::note_connection(std::string_view list) {
    while (!list.empty()) {
        const std::string_view option = take_list_element(list);
        if (equal_ignoring_case(option, "close")) wants_close_ = true;
        if (equal_ignoring_case(option, "keep-alive")) wants_keep_alive_ = true;
    }
}

ScanResult HeadParser::finish(const ParserLimits& limits, RequestHead& head, ErrorSlot& error) const {
    if (!has_host_ && head.version_ == Version::http_1_1) {
        return fail(error, 400, "RFC 9112 §3.2", "an HTTP/1.1 request without a Host field");
    }
    if (head.chunked_ && head.has_content_length_) {
        return fail(error, 400, framing_section, "both a Content-Length and a Transfer-Encoding");
    }
    if (head.content_length_ > limits.body_bytes_max) {
        return fail(error, 413, "RFC 9110 §15.5.14",
                    fmt::format("a body of {} bytes is longer than body_bytes_max ({} bytes)", head.content_length_,
                                limits.body_bytes_max));
    }
    if (head.version_ == Version::http_1_0) head.expect_continue_ = false;
    head.keep_alive_ = !wants_close_ && (head.version_ == Version::http_1_1 || wants_keep_alive_);
    return ScanResult::done;
}

}  // namespace stepwise::http
