#include <stepwise/net/http/chunked.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

constexpr std::string_view chunk_section = "RFC 9112 §7.1";
constexpr std::string_view extension_section = "RFC 9112 §7.1.1";
constexpr std::uint32_t size_digits_max = 16;  // 64 bits, leading zeros counted

}  // namespace

ScanResult ChunkedDecoder::next(std::string_view& input, const ParserLimits& limits, ErrorSlot& error) {
    while (!input.empty()) {
        if (step_ == Step::data) {
            const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
            piece_ = input.substr(0, size);
            input.remove_prefix(size);
            remaining_ -= size;
            if (remaining_ == 0) step_ = Step::data_carriage_return;
            return ScanResult::item;
        }
        const char byte = input.front();
        input.remove_prefix(1);
        const ScanResult taken = take_byte(byte, limits, error);
        if (taken != ScanResult::need_more) return taken;
    }
    return ScanResult::need_more;
}

ScanResult ChunkedDecoder::take_byte(char byte, const ParserLimits& limits, ErrorSlot& error) {
    switch (step_) {
        case Step::size:
            return take_size_byte(byte, limits, error);
        case Step::line_feed:
            if (byte == '\n') return end_line();
            return fail(error, 400, "RFC 9112 §2.2", "a bare CR in a chunk-size line");
        case Step::data_carriage_return:
            if (byte != '\r') {
                return fail(error, 400, chunk_section,
                            fmt::format("{} behind a chunk's data, where CRLF must be", name_of_byte(byte)));
            }
            step_ = Step::data_line_feed;
            return ScanResult::need_more;
        case Step::data_line_feed:
            if (byte != '\n') {
                return fail(error, 400, chunk_section, "a bare CR behind a chunk's data, where CRLF must be");
            }
            start_line();
            return ScanResult::need_more;
        default:
            return take_extension_byte(byte, limits, error);
    }
}

ScanResult ChunkedDecoder::take_size_byte(char byte, const ParserLimits& limits, ErrorSlot& error) {
    const int digit = hex_value(byte);
    if (digit < 0) {
        if (size_digits_ == 0) {
            return fail(error, 400, chunk_section, fmt::format("{} instead of a chunk size", name_of_byte(byte)));
        }
        if (end_size(limits, error) == ScanResult::failed) return ScanResult::failed;
        return take_extension_byte(byte, limits, error);
    }
    if (++size_digits_ > size_digits_max) {
        return fail(error, 400, chunk_section, "a chunk size has more than 16 digits");
    }
    if (++line_bytes_ > limits.chunk_line_bytes_max) return refuse_line(limits, error);
    remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
    return ScanResult::need_more;
}

// The size is known: it must fit before its data is waited for.
ScanResult ChunkedDecoder::end_size(const ParserLimits& limits, ErrorSlot& error) {
    step_ = Step::element_end;
    if (remaining_ > limits.body_bytes_max - body_bytes_) {
        return fail(error, 413, "RFC 9110 §15.5.14",
                    fmt::format("a chunked body is longer than body_bytes_max ({} bytes)", limits.body_bytes_max));
    }
    body_bytes_ += remaining_;
    return ScanResult::need_more;
}

// From the byte behind the size to the CR. One that no extension may end at is refused before its LF is seen.
ScanResult ChunkedDecoder::take_extension_byte(char byte, const ParserLimits& limits, ErrorSlot& error) {
    if (byte == '\n') return fail(error, 400, "RFC 9112 §2.2", "a bare LF in a chunk-size line");
    if (byte == '\r') {
        if (step_ != Step::element_end && step_ != Step::name && step_ != Step::value) {
            return fail(error, 400, extension_section, "a chunk-size line ends in white space or within an extension");
        }
        step_ = Step::line_feed;
        return ScanResult::need_more;
    }
    if (++line_bytes_ > limits.chunk_line_bytes_max) return refuse_line(limits, error);
    if (++extension_bytes_ > limits.chunk_extension_bytes_max) {
        return fail(error, 400, extension_section,
                    fmt::format("the chunk extensions of a body are longer than chunk_extension_bytes_max ({} bytes)",
                                limits.chunk_extension_bytes_max));
    }
    const std::optional<Step> next = step_behind(step_, byte);
    if (next) {
        step_ = *next;
        return ScanResult::need_more;
    }
    if (step_ == Step::element_end || step_ == Step::semicolon) {
        return fail(error, 400, chunk_section,
                    fmt::format("{} behind a chunk size or an extension", name_of_byte(byte)));
    }
    return fail(error, 400, extension_section, fmt::format("{} in a chunk extension", name_of_byte(byte)));
}

// The grammar of chunk-ext, with white space where BWS stands in it; nothing where the byte does not fit.
std::optional<ChunkedDecoder::Step> ChunkedDecoder::step_behind(Step step, char byte) {
    switch (step) {
        case Step::value:
            if (is_token_character(byte)) return step;
            [[fallthrough]];
        case Step::element_end:
        case Step::semicolon:
            if (byte == ';') return Step::name_begin;
            if (is_space(byte)) return Step::semicolon;
            return std::nullopt;
        case Step::name:
            if (is_token_character(byte)) return step;
            [[fallthrough]];
        case Step::name_end:
            if (byte == '=') return Step::value_begin;
            if (byte == ';') return Step::name_begin;
            if (is_space(byte)) return Step::name_end;
            return std::nullopt;
        case Step::name_begin:
        case Step::value_begin:
            if (is_space(byte)) return step;
            if (is_token_character(byte)) return step == Step::name_begin ? Step::name : Step::value;
            if (byte == '"' && step == Step::value_begin) return Step::quoted;
            return std::nullopt;
        case Step::quoted:
            if (byte == '"') return Step::element_end;
            if (byte == '\\') return Step::escaped;
            [[fallthrough]];
        case Step::escaped:
            if (is_value_character(byte)) return Step::quoted;
            return std::nullopt;
        default:
            return std::nullopt;
    }
}

ScanResult ChunkedDecoder::refuse_line(const ParserLimits& limits, ErrorSlot& error) {
    return fail(
        error, 400, extension_section,
        fmt::format("a chunk-size line is longer than chunk_line_bytes_max ({} bytes)", limits.chunk_line_bytes_max));
}

ScanResult ChunkedDecoder::end_line() {
    if (remaining_ == 0) return ScanResult::done;
    step_ = Step::data;
    return ScanResult::need_more;
}

void ChunkedDecoder::start_line() {
    step_ = Step::size;
    size_digits_ = line_bytes_ = 0;
}

}  // namespace stepwise::http
