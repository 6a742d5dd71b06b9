#include <stepwise/net/http/field_scanner.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <bit>
#include <cstring>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

constexpr std::string_view field_section = "RFC 9112 §5";

std::uint32_t skip_token(const char* block, std::uint32_t position, std::uint32_t end) {
    while (position < end && is_token_character(block[position])) ++position;
    return position;
}

// Which of a word's eight bytes, in the order of memory, is the first with its high bit in `bits`.
std::uint32_t first_byte_of(std::uint64_t bits) {
    const int zeros = std::endian::native == std::endian::little ? std::countr_zero(bits) : std::countl_zero(bits);
    return static_cast<std::uint32_t>(zeros) / 8;
}

// Eight bytes at a time: the first that may be a control character or DEL, or is of obs-text, is known by its bit (the
// later ones may be borrowed from it), and the table says whether it ends the value.
std::uint32_t skip_value_characters(const char* block, std::uint32_t position, std::uint32_t end) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t high_bits = ones * 0x80;
    while (end - position >= 8) {
        std::uint64_t word;
        std::memcpy(&word, block + position, sizeof word);
        const std::uint64_t below_space = (word - ones * 0x20) & ~word;
        const std::uint64_t is_delete = (word ^ ones * 0x7f) - ones;
        const std::uint64_t special = (below_space | is_delete | word) & high_bits;
        if (special == 0) {
            position += 8;
            continue;
        }
        position += first_byte_of(special);
        if (!is_value_character(block[position])) return position;
        ++position;
    }
    while (position < end && is_value_character(block[position])) ++position;
    return position;
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
    if (step_ == Step::line_start && available - position_ >= 2) {
        if (block[position_] != '\r') {
            if (take_line(block, end, limits)) return ScanResult::item;
        } else if (block[position_ + 1] == '\n') {
            position_ += 2;
            return ScanResult::done;
        }
    }
    switch (step_) {
        case Step::line_start:
        case Step::last_line_feed: {
            const ScanResult started = start_line(block, available, limits, error);
            if (started != ScanResult::item) return started;
            [[fallthrough]];
        }
        case Step::name:
            position_ = skip_token(block, position_, end);
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

// A line that is all there and right, as most are. Else it changes nothing: the steps say what is wrong or still to
// come.
bool FieldScanner::take_line(const char* block, std::uint32_t end, const ParserLimits& limits) {
    if (count_ == limits.header_count_max) return false;
    const std::uint32_t begin = position_;
    const std::uint32_t name_end = skip_token(block, begin, end);
    if (name_end == begin || name_end >= end || block[name_end] != ':') return false;
    std::uint32_t value_begin = name_end + 1;
    while (value_begin < end && is_space(block[value_begin])) ++value_begin;
    const std::uint32_t line_end = skip_value_characters(block, value_begin, end);
    if (end - line_end < 2 || block[line_end] != '\r' || block[line_end + 1] != '\n') return false;
    std::uint32_t value_end = line_end;
    while (value_end > value_begin && is_space(block[value_end - 1])) --value_end;
    field_ = {begin, name_end - begin, value_begin, value_end - value_begin};
    ++count_;
    position_ = line_end + 2;
    return true;
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
