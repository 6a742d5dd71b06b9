#include <stepwise/net/http/body_parser.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

// What a recipient would have had to know before the content: framing, routing, who asks, how to read the content
// (RFC 9110 §6.5.1). Ignoring them would be allowed; refusing them leaves nothing to disagree about.
constexpr std::array<std::string_view, 22> forbidden_in_trailers = {
    "authorization", "cache-control", "connection",   "content-encoding",    "content-length", "content-range",
    "content-type",  "cookie",        "expect",       "forwarded",           "host",           "if-match",
    "if-none-match", "keep-alive",    "max-forwards", "proxy-authorization", "range",          "te",
    "trailer",       "upgrade",       "set-cookie",   "transfer-encoding"};

}  // namespace

bool may_be_trailer(std::string_view name) {
    return std::none_of(forbidden_in_trailers.begin(), forbidden_in_trailers.end(),
                        [name](std::string_view forbidden) { return equal_ignoring_case(name, forbidden); });
}

void BodyParser::start(BodyFraming framing, std::uint64_t length) {
    trailers_.clear();
    remaining_ = 0;
    switch (framing) {
        case BodyFraming::none:
            step_ = Step::content;
            break;
        case BodyFraming::content_length:
            step_ = Step::content;
            remaining_ = length;
            break;
        case BodyFraming::chunked:
            step_ = Step::chunks;
            chunks_.start();
            break;
        case BodyFraming::until_close:
            step_ = Step::until_close;
            break;
    }
}

bool BodyParser::end_input() {
    if (step_ == Step::until_close) {
        step_ = Step::content;
        remaining_ = 0;
    }
    return step_ == Step::content && remaining_ == 0;
}

ScanResult BodyParser::next_part(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error) {
    if (step_ == Step::trailers) return next_trailers(input, limits, error);
    if (input.empty()) return ScanResult::need_more;
    switch (step_) {
        case Step::content:
            return next_content(input);
        case Step::until_close:
            return next_until_close(input, limits, error);
        case Step::chunks:
        case Step::trailers:
            break;
    }
    return next_chunk(input, limits, error);
}

ScanResult BodyParser::next_content(InputBuffer& input) {
    const std::uint64_t size = std::min<std::uint64_t>(remaining_, input.view().size());
    piece_ = input.view().substr(0, static_cast<std::size_t>(size));
    input.consume(piece_.size());
    remaining_ -= size;
    return ScanResult::item;
}

ScanResult BodyParser::next_until_close(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error) {
    const std::uint64_t room = limits.body_bytes_max - remaining_;
    if (room == 0) {
        return fail(
            error, 413, "RFC 9112 §6.3",
            fmt::format("a body without a length is longer than body_bytes_max ({} bytes)", limits.body_bytes_max));
    }
    piece_ = input.view().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, input.view().size())));
    remaining_ += piece_.size();
    input.consume(piece_.size());
    return ScanResult::item;
}

ScanResult BodyParser::next_chunk(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error) {
    const ScanResult chunk = chunks_.next(input.unconsumed(), limits, error);
    if (chunk == ScanResult::item) piece_ = chunks_.piece();
    if (chunk != ScanResult::done) return chunk;
    trailer_scanner_.start(0);
    step_ = Step::trailers;
    return next_trailers(input, limits, error);
}

ScanResult BodyParser::next_trailers(InputBuffer& input, const ParserLimits& limits, ErrorSlot& error) {
    trailers_.set_block(input.block());
    for (;;) {
        switch (trailer_scanner_.next(input.block(), input.block_size(), limits, error)) {
            case ScanResult::need_more:
                input.keep();
                return ScanResult::need_more;
            case ScanResult::failed:
                return ScanResult::failed;
            case ScanResult::done:
                input.consume(trailer_scanner_.position());
                step_ = Step::content;
                return ScanResult::done;
            case ScanResult::item:
                trailers_.add(trailer_scanner_.field());
                break;
        }
        const std::string_view name = trailers_[trailers_.size() - 1].name;
        if (!may_be_trailer(name)) {
            return fail(error, 400, "RFC 9110 §6.5.1", fmt::format("a {} field in the trailer section", name));
        }
    }
}

}  // namespace stepwise::http
