#include <stepwise/net/http/field_scanner.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cstring>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

constexpr std::string_view field_section = "RFC 9112 §5";

// Eight bytes at a time while none of them is a control character or DEL; the table settles the rest. (A tab or an
// obs-text byte in the eight only makes that step go through the table.)
std::uint32_t skip_value_characters(const char* block, std::uint32_t position, std::uint32_t end) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t high_bits = ones * 0x80;
    for (;;) {
        while (end - position >= 8) {
            std::uint64_t word;
            std::memcpy(&word, block + position, sizeof word);
            const std::uint64_t below_space = (word - ones * 0x20) & ~word;
            const std::uint64_t is_delete = (word ^ ones * 0x7f) - ones;
            if (((below_space | is_delete | word) & high_bits) != 0) break;
            position += 8;
        }
        const std::uint32_t word_end = position + std::min<std::uint32_t>(8, end - position);
        while (position < word_end && is_value_character(block[position])) ++position;
        if (position < word_end || position == end) return position;
    }
}

}  // namespace

void FieldScanner::start(std::uint32_t begin) {
    step_ = Step::line_start;
    begin_ = position_ = begin;
    count_ = 0;
}

ScanResult FieldScanner::next(const char* block, std::uint32_t available, const ParserLimits& limits,
                              ErrorSlot& error) {
    const std::uint32_t limit_end = begin_ + std::min(limits.header_bytes_max, ParserLimits::head_part_bytes_max);
    const std::uint32_t end = std::min(available, limit_end);
    switch (step_) {
        case Step::line_start:
        case Step::last_line_feed: {
            const ScanResult started = start_line(block, available, limits, error);
            if (started != ScanResult::item) return started;
            [[fallthrough]];
        }
        case Step::name:
            while (position_ < end && is_token_character(block[position_])) ++position_;
            if (position_ >= end) return out_of_bytes(available, limits, error);
            field_.name_size = position_ - field_.name_begin;
            if (block[position_] != ':' || field_.name_size == 0) return refuse_name(block[position_], error);
            ++position_;
            step_ = Step::space;
            [[fallthrough]];
        case Step::space:
            while (position_ < end && is_space(block[position_])) ++position_;
            if (position_ >= end) return out_of_bytes(available, limits, error);
            field_.value_begin = position_;
            step_ = Step::value;
            [[fallthrough]];
        case Step::value:
            position_ = skip_value_characters(block, position_, end);
            if (position_ >= end) return out_of_bytes(available, limits, error);
            if (block[position_] != '\r') return refuse_value(block[position_], error);
            end_value(block);
            ++position_;
            step_ = Step::line_feed;
            [[fallthrough]];
        case Step::line_feed:
            if (position_ >= end) return out_of_bytes(available, limits, error);
            if (block[position_] != '\n') return refuse_value('\r', error);
            ++position_;
            step_ = Step::line_start;
            break;
    }
    return ScanResult::item;
}

// item: a field line starts here.
ScanResult FieldScanner::start_line(const char* block, std::uint32_t available, const ParserLimits& limits,
                                    ErrorSlot& error) {
    if (position_ >= available) return ScanResult::need_more;
    if (step_ == Step::line_start && block[position_] == '\r') {
        ++position_;
        step_ = Step::last_line_feed;
        if (position_ >= available) return ScanResult::need_more;
    }
    if (step_ == Step::last_line_feed) {
        if (block[position_] != '\n') return refuse_value('\r', error);
        ++position_;
        return ScanResult::done;
    }
    if (count_ == limits.header_count_max) {
        return fail(error, 431, "RFC 6585 §5",
                    fmt::format("more header fields than header_count_max ({})", limits.header_count_max));
    }
    ++count_;
    field_.name_begin = position_;
    step_ = Step::name;
    return ScanResult::item;
}

void FieldScanner::end_value(const char* block) {
    std::uint32_t value_end = position_;
    while (value_end > field_.value_begin && is_space(block[value_end - 1])) --value_end;
    field_.value_size = value_end - field_.value_begin;
}

// All bytes that may be looked at were: either there are no more, or the limit forbids the next one.
ScanResult FieldScanner::out_of_bytes(std::uint32_t available, const ParserLimits& limits, ErrorSlot& error) const {
    if (position_ >= available) return ScanResult::need_more;
    return fail(error, 431, "RFC 6585 §5",
                fmt::format("the header fields are longer than header_bytes_max ({} bytes)", limits.header_bytes_max));
}

ScanResult FieldScanner::refuse_name(char byte, ErrorSlot& error) const {
    if (byte == '\n') return fail(error, 400, "RFC 9112 §2.2", "a bare LF in a header line; only CRLF ends a line");
    if (field_.name_size == 0 && is_space(byte)) {
        if (count_ > 1)
            return fail(error, 400, "RFC 9112 §5.2", "a header line is folded (it begins with white space)");
        return fail(error, 400, "RFC 9112 §2.2", "white space before the first header field");
    }
    if (field_.name_size == 0 && byte == ':') return fail(error, 400, field_section, "a header field has no name");
    if (byte == '\r') return fail(error, 400, field_section, "a header line has no colon");
    if (is_space(byte)) {
        return fail(error, 400, "RFC 9112 §5.1", "white space between a header field's name and its colon");
    }
    return fail(error, 400, "RFC 9110 §5.1", fmt::format("{} in the name of a header field", name_of_byte(byte)));
}

ScanResult FieldScanner::refuse_value(char byte, ErrorSlot& error) {
    if (byte == '\n' || byte == '\r') {
        return fail(error, 400, "RFC 9112 §2.2",
                    fmt::format("{} in a header line; only CRLF ends a line", name_of_byte(byte)));
    }
    return fail(error, 400, "RFC 9110 §5.5", fmt::format("{} in the value of a header field", name_of_byte(byte)));
}

}  // namespace stepwise::http
