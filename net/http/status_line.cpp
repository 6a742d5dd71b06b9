#include <stepwise/net/http/status_line.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

constexpr std::string_view status_section = "RFC 9112 §4";
constexpr std::string_view pattern = "HTTP/d.d ddd";
constexpr std::uint32_t version_begin = 5;
constexpr std::uint32_t version_end = 8;
constexpr std::uint32_t code_begin = 9;

}  // namespace

ScanResult StatusLineScanner::scan(const char* block, std::uint32_t available, const ParserLimits& limits,
                                   ErrorSlot& error) {
    const std::uint32_t limit_end = std::min(limits.status_line_bytes_max, ParserLimits::head_part_bytes_max);
    const std::uint32_t end = std::min(available, limit_end);
    ScanResult result = ScanResult::done;
    if (step_ == Step::code) result = scan_code(block, end, error);
    if (step_ == Step::space || step_ == Step::reason) result = scan_reason(block, end);
    if (step_ == Step::carriage_return || step_ == Step::line_feed) return scan_line_end(block, available, error);
    if (result == ScanResult::need_more && available > limit_end) {
        // A line that is exactly as long as the limit ends here.
        if (step_ != Step::code && block[position_] == '\r') {
            step_ = Step::carriage_return;
            return scan_line_end(block, available, error);
        }
        return fail(error, 431, status_section,
                    fmt::format("the status line is longer than status_line_bytes_max ({} bytes)",
                                limits.status_line_bytes_max));
    }
    return result;
}

ScanResult StatusLineScanner::scan_code(const char* block, std::uint32_t end, ErrorSlot& error) {
    while (position_ < pattern.size()) {
        if (position_ >= end) return ScanResult::need_more;
        const char byte = block[position_];
        const bool fits = pattern[position_] == 'd' ? is_digit(byte) : byte == pattern[position_];
        if (!fits) {
            const char* const what = position_ < code_begin ? "an HTTP version" : "a status code of three digits";
            return fail(error, 400, status_section,
                        fmt::format("{} where {} must be: this is no HTTP response", name_of_byte(byte), what));
        }
        ++position_;
    }
    return note_code(block, error);
}

ScanResult StatusLineScanner::note_code(const char* block, ErrorSlot& error) {
    const std::string_view number(block + version_begin, version_end - version_begin);
    if (number.front() != '1') {
        return fail(error, 505, "RFC 9112 §2.3",
                    fmt::format("HTTP version {} is not supported; 1.1 and 1.0 are", number));
    }
    // RFC 9110 §2.5: a higher minor version is taken for the highest that is known.
    version_ = number == "1.0" ? Version::http_1_0 : Version::http_1_1;
    for (std::uint32_t index = code_begin; index < pattern.size(); ++index)
        status_ = status_ * 10 + (block[index] - '0');
    if (status_ < 100) return fail(error, 400, "RFC 9110 §15", fmt::format("{:03} is not a status code", status_));
    step_ = Step::space;
    return ScanResult::done;
}

ScanResult StatusLineScanner::scan_reason(const char* block, std::uint32_t end) {
    if (step_ == Step::space) {
        if (position_ >= end) return ScanResult::need_more;
        reason_.begin = position_;
        if (block[position_] != ' ') {
            step_ = Step::carriage_return;
            return ScanResult::done;
        }
        reason_.begin = ++position_;
        step_ = Step::reason;
    }
    while (position_ < end && is_value_character(block[position_])) ++position_;
    reason_.size = position_ - reason_.begin;
    if (position_ >= end) return ScanResult::need_more;
    step_ = Step::carriage_return;
    return ScanResult::done;
}

ScanResult StatusLineScanner::scan_line_end(const char* block, std::uint32_t available, ErrorSlot& error) {
    if (step_ == Step::carriage_return) {
        const char byte = block[position_];
        if (byte == '\n') {
            return fail(error, 400, "RFC 9112 §2.2", "a bare LF in the status line; only CRLF ends a line");
        }
        if (byte != '\r') {
            return fail(error, 400, status_section, fmt::format("{} in the status line", name_of_byte(byte)));
        }
        ++position_;
        step_ = Step::line_feed;
    }
    if (position_ >= available) return ScanResult::need_more;
    if (block[position_] != '\n') return fail(error, 400, "RFC 9112 §2.2", "a bare CR in the status line");
    ++position_;
    return ScanResult::done;
}

}  // namespace stepwise::http
