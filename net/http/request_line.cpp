#include <stepwise/net/http/request_line.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/characters.hpp>

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
    if (step_ == Step::empty_line) {
        const ScanResult skipped = skip_empty_line(block, available, error);
        if (skipped != ScanResult::done) return skipped;
    }
    const std::uint32_t limit_end = begin_ + std::min(limits.request_line_bytes_max, ParserLimits::head_part_bytes_max);
    const std::uint32_t end = std::min(available, limit_end);
    ScanResult result = ScanResult::done;
    if (step_ == Step::method) result = scan_method(block, end, error);
    if (step_ == Step::target) result = scan_target(block, end, error);
    if (step_ == Step::version) result = scan_version(block, end, error);
    if (step_ == Step::carriage_return || step_ == Step::line_feed) return scan_line_end(block, available, error);
    if (result == ScanResult::need_more && available > limit_end) return refuse_length(limits, error);
    return result;
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
    while (position_ < end && is_in_class(block[position_], character_class::target)) ++position_;
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
    if (number != "1.1" && number != "1.0") {
        return fail(error, 505, "RFC 9110 §15.6.6",
                    fmt::format("HTTP version {} is not supported; 1.1 and 1.0 are", number));
    }
    version_ = number == "1.1" ? Version::http_1_1 : Version::http_1_0;
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
