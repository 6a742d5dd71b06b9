#include <stepwise/net/http/framing_fields.hpp>

#include <fmt/format.h>
#include <limits>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

constexpr std::string_view framing_section = "RFC 9112 §6.3";

}  // namespace

void FramingFields::note_connection(std::string_view list) {
    while (!list.empty()) {
        const std::string_view option = take_list_element(list);
        if (equal_ignoring_case(option, "close")) wants_close_ = true;
        if (equal_ignoring_case(option, "keep-alive")) wants_keep_alive_ = true;
    }
}

// Stricter than §6.3 allows: "5, 5" and two equal fields are refused too. No peer that is not broken sends them.
ScanResult FramingFields::note_content_length(std::string_view value, ErrorSlot& error) {
    if (has_content_length_) return fail(error, 400, framing_section, "more than one Content-Length field");
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
    content_length_ = length;
    has_content_length_ = true;
    return ScanResult::done;
}

// Only `chunked` is known here. A request whose last coding is not chunked has no reliable end: 400 (§6.3, rule 4.2);
// a body that is chunked but was encoded before is only unknown to this side: 501 (§6.1).
ScanResult FramingFields::note_transfer_encoding(std::string_view value, Version version, ErrorSlot& error) {
    if (chunked_) return fail(error, 400, "RFC 9112 §6.1", "more than one Transfer-Encoding field");
    if (version == Version::http_1_0) {
        return fail(error, 400, "RFC 9112 §6.1", "a Transfer-Encoding in an HTTP/1.0 message");
    }
    chunked_ = true;
    if (equal_ignoring_case(value, "chunked")) return ScanResult::done;
    std::string_view last;
    bool has_others = false;
    bool repeats_chunked = false;
    while (!value.empty()) {
        const std::string_view coding = take_list_element(value);
        if (coding.empty()) continue;  // RFC 9110 §5.6.1.2: a list's empty elements are ignored
        has_others = has_others || !last.empty();
        repeats_chunked = repeats_chunked || equal_ignoring_case(last, "chunked");
        last = coding;
    }
    if (!equal_ignoring_case(last, "chunked")) {
        return fail(error, 400, framing_section, "the last Transfer-Encoding is not chunked: the body has no end");
    }
    if (!has_others) return ScanResult::done;
    if (repeats_chunked) return fail(error, 400, "RFC 9112 §6.1", "the Transfer-Encoding names chunked twice");
    return fail(error, 501, "RFC 9112 §6.1", "no Transfer-Encoding but chunked is supported");
}

ScanResult FramingFields::finish(ErrorSlot& error) const {
    if (!chunked_ || !has_content_length_) return ScanResult::done;
    return fail(error, 400, framing_section, "both a Content-Length and a Transfer-Encoding");
}

ScanResult FramingFields::check_length(const ParserLimits& limits, ErrorSlot& error) const {
    if (content_length_ <= limits.body_bytes_max) return ScanResult::done;
    return fail(error, 413, "RFC 9110 §15.5.14",
                fmt::format("a body of {} bytes is longer than body_bytes_max ({} bytes)", content_length_,
                            limits.body_bytes_max));
}

}  // namespace stepwise::http
