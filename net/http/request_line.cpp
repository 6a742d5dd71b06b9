#include <stepwise/net/http/request_line.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cstring>

namespace stepwise::http {

namespace {

constexpr std::string_view version_pattern = "HTTP/d.d";

bool begins_like_a_version(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool fits = version_pattern[i] == 'd' ? is_digit(bytes[i]) : bytes[i] == version_pattern[i];
        if (!fits) return false;
    }
    return true;
}

}  // namespace

ScanResult RequestLineScanner::scan(const char* block, std::uint32_t available, const ParserLimits& limits,
                                    ErrorSlot& error) {
    const bool is_first = step_ == Step::empty_line;
    if (is_first) {
        const ScanResult skipped = skip_empty_line(block, available, error);
        if (skipped != ScanResult::done) return skipped;
    }
    const std::uint32_t limit_end = begin_ + std::min(limits.request_line_bytes_max, ParserLimits::head_part_bytes_max);
    const std::uint32_t end = std::min(available, limit_end);
    if (is_first && scan_at_once(block, end)) return ScanResult::done;
    ScanResult result = ScanResult::done;
    if (step_ == Step::method) result = scan_method(block, end, error);
    if (step_ == Step::target) result = scan_target(block, end, error);
    if (step_ == Step::version) result = scan_version(block, end, error);
    if (step_ == Step::carriage_return || step_ == Step::line_feed) return scan_line_end(block, available, error);
    if (result == ScanResult::need_more && available > limit_end) return refuse_length(limits, error);
    return result;
}

// A line that is all there and right, as most are. Else it changes nothing: the steps say what is wrong or still to
// come.
bool RequestLineScanner::scan_at_once(const char* block, std::uint32_t end) {
    std::uint32_t position = begin_;
    while (position < end && is_token_character(block[position])) ++position;
    const std::uint32_t method_end = position;
    if (method_end == begin_ || position == end || block[position] != ' ') return false;
    const std::uint32_t target_begin = ++position;
    std::uint8_t seen = 0;
    for (; position < end; ++position) {
        const std::uint8_t classes = classes_of(block[position]);
        if ((classes & character_class::target) == 0) break;
        seen |= classes;
    }
    constexpr std::string_view line_end = " HTTP/1.1\r\n";
    if (position == target_begin || end - position < line_end.size()) return false;
    if (std::memcmp(block + position, line_end.data(), line_end.size()) != 0) return false;
    method_.size = method_end - begin_;
    target_ = {target_begin, position - target_begin};
    target_classes_ = seen;
    position_ = position + static_cast<std::uint32_t>(line_end.size());
    step_ = Step::line_feed;
    return true;
}

ScanResult RequestLineScanner::skip_empty_line(const char* block, std::uint32_t available, ErrorSlot& error) {
    if (available == 0) return ScanResult::need_more;
    if (block[0] == '\r') {
        if (available == 1) return ScanResult::need_more;
        if (block[1] != '\n') return fail(error, 400, "RFC 9112 §2.2", "a bare CR before the request line");
        begin_ = position_ = 2;
    }
    method_.begin = begin_;
    step_ = Step::method;
    return ScanResult::done;
}

ScanResult RequestLineScanner::scan_method(const char* block, std::uint32_t end, ErrorSlot& error) {
    while (position_ < end && is_token_character(block[position_])) ++position_;
    if (position_ >= end) return ScanResult::need_more;
    method_.size = position_ - begin_;
    const char byte = block[position_];
    if (byte == ' ' && method_.size > 0) {
        target_.begin = ++position_;
        step_ = Step::target;
        return ScanResult::done;
    }
    if (byte == '\r' && method_.size == 0) {
        return fail(error, 400, "RFC 9112 §2.2", "more than one empty line before the request line");
    }
    if (byte == '\r') return fail(error, 400, "RFC 9112 §3", "the request line has no target");
    if (byte == '\n') return fail(error, 400, "RFC 9112 §2.2", "a bare LF in the request line; only CRLF ends a line");
    return fail(error, 400, "RFC 9112 §3.1", fmt::format("{} in the method", name_of_byte(byte)));
}

ScanResult RequestLineScanner::scan_target(const char* block, std::uint32_t end, ErrorSlot& error) {
    for (; position_ < end && is_in_class(block[position_], character_class::target); ++position_) {
        target_classes_ |= classes_of(block[position_]);
    }
    if (position_ >= end) return ScanResult::need_more;
    target_.size = position_ - target_.begin;
    const char byte = block[position_];
    if (byte == ' ' && target_.size > 0) {
        ++position_;
        step_ = Step::version;
        return ScanResult::done;
    }
    if (byte == '\r') return fail(error, 400, "RFC 9112 §3", "the request line has no HTTP version");
    if (byte == '\n') return fail(error, 400, "RFC 9112 §2.2", "a bare LF in the request line; only CRLF ends a line");
    if (byte == ' ') return fail(error, 400, "RFC 9112 §3", "two spaces in a row in the request line");
    return fail(error, 400, "RFC 9112 §3.2", fmt::format("{} in the request target", name_of_byte(byte)));
}

ScanResult RequestLineScanner::scan_version(const char* block, std::uint32_t end, ErrorSlot& error) {
    const std::string_view bytes(block + position_, std::min<std::size_t>(version_pattern.size(), end - position_));
    if (!begins_like_a_version(bytes)) {
        return fail(error, 400, "RFC 9112 §2.3", "the request line does not end in an HTTP version");
    }
    if (bytes.size() < version_pattern.size()) return ScanResult::need_more;
    const std::string_view number = bytes.substr(5);
    if (number.front() != '1') {
        return fail(error, 505, "RFC 9110 §15.6.6",
                    fmt::format("HTTP version {} is not supported; 1.1 and 1.0 are", number));
    }
    // RFC 9110 §2.5: a higher minor version is taken for the highest that is known.
    version_ = number == "1.0" ? Version::http_1_0 : Version::http_1_1;
    position_ += static_cast<std::uint32_t>(version_pattern.size());
    step_ = Step::carriage_return;
    return ScanResult::done;
}

ScanResult RequestLineScanner::scan_line_end(const char* block, std::uint32_t available, ErrorSlot& error) {
    if (step_ == Step::carriage_return) {
        if (position_ >= available) return ScanResult::need_more;
        if (block[position_] == '\n') {
            return fail(error, 400, "RFC 9112 §2.2", "a bare LF in the request line; only CRLF ends a line");
        }
        if (block[position_] != '\r') {
            return fail(error, 400, "RFC 9112 §3",
                        fmt::format("{} after the HTTP version", name_of_byte(block[position_])));
        }
        ++position_;
        step_ = Step::line_feed;
    }
    if (position_ >= available) return ScanResult::need_more;
    if (block[position_] != '\n') return fail(error, 400, "RFC 9112 §2.2", "a bare CR in the request line");
    ++position_;
    return ScanResult::done;
}

ScanResult RequestLineScanner::refuse_length(const ParserLimits& limits, ErrorSlot& error) const {
    if (step_ == Step::method) {
        return fail(
            error, 501, "RFC 9112 §3",
            fmt::format("the method is longer than request_line_bytes_max ({} bytes)", limits.request_line_bytes_max));
    }
    return fail(error, 414, "RFC 9110 §15.5.15",
                fmt::format("the request line is longer than request_line_bytes_max ({} bytes)",
                            limits.request_line_bytes_max));
}

}  // namespace stepwise::http
