#include <stepwise/net/http/parser.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <limits>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/chunked.hpp>
#include <stepwise/net/http/head_parser.hpp>

namespace stepwise::http {

namespace {

// What a recipient would have had to know before the content: framing, routing, who asks, how to read the content
// (RFC 9110 §6.5.1). Ignoring them would be allowed; refusing them leaves nothing to disagree about.
constexpr std::array<std::string_view, 22> forbidden_in_trailers = {
    "authorization", "cache-control", "connection",   "content-encoding",    "content-length", "content-range",
    "content-type",  "cookie",        "expect",       "forwarded",           "host",           "if-match",
    "if-none-match", "keep-alive",    "max-forwards", "proxy-authorization", "range",          "te",
    "trailer",       "upgrade",       "set-cookie",   "transfer-encoding"};

bool is_forbidden_in_trailers(std::string_view name) {
    return std::any_of(forbidden_in_trailers.begin(), forbidden_in_trailers.end(),
                       [name](std::string_view forbidden) { return equal_ignoring_case(name, forbidden); });
}

std::uint32_t offset_bound(std::string_view block) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(block.size(), std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

// Everything about the message that is being read.
struct RequestParser::Message {
    HeadParser head_parser;
    RequestHead head;
    std::uint64_t content_remaining = 0;
    ChunkedDecoder chunks;
    FieldScanner trailer_scanner;
    HeaderFields trailers;
};

RequestParser::RequestParser(ParserLimits limits) : limits_(limits) {}
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;
RequestParser::~RequestParser() = default;

void RequestParser::receive_data(std::string_view bytes) {
    if (input_.empty()) {
        if (kept_.capacity() != 0) std::vector<char>().swap(kept_);
        input_ = bytes;
        return;
    }
    keep_unconsumed();
    kept_.erase(kept_.begin(), kept_.begin() + (input_.data() - kept_.data()));
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    input_ = {kept_.data(), kept_.size()};
}

void RequestParser::keep_unconsumed() {
    if (input_.empty() || input_is_kept()) return;
    kept_.assign(input_.begin(), input_.end());
    input_ = {kept_.data(), kept_.size()};
}

void RequestParser::release_memory() {
    if (state_ != State::between || !input_.empty()) return;
    std::vector<char>().swap(kept_);
    message_.reset();
}

Event RequestParser::next_event() {
    switch (state_) {
        case State::between:
            if (input_.empty()) {
                if (kept_.capacity() != 0) std::vector<char>().swap(kept_);
                return NeedMore{};
            }
            start_message();
            return next_head();
        case State::head:
            return next_head();
        case State::content:
            return next_content();
        case State::chunks:
            return next_chunk();
        case State::trailers:
            return next_trailers();
        case State::end:
            state_ = State::between;
            return EndOfMessage{&message_->trailers};
        case State::failed:
            break;
    }
    return *error_;
}

std::optional<net::ProtocolError> RequestParser::receive_eof() {
    if (state_ == State::failed) return *error_;
    const bool only_empty_line = state_ == State::head && (input_ == "\r\n" || input_ == "\r");
    if (state_ == State::between || state_ == State::end || only_empty_line) return std::nullopt;
    fail(error_, 400, "RFC 9112 §8",
         state_ == State::head ? "the peer closed the connection within the head of a request"
                               : "the peer closed the connection within the body of a request");
    failed();
    return *error_;
}

void RequestParser::start_message() {
    if (!message_) message_ = std::make_unique<Message>();
    message_->head_parser.start(message_->head);
    message_->trailers.clear();
    state_ = State::head;
}

Event RequestParser::next_head() {
    Message& message = *message_;
    const ScanResult result =
        message.head_parser.parse(input_.data(), offset_bound(input_), limits_, message.head, error_);
    if (result == ScanResult::need_more) return need_more();
    if (result == ScanResult::failed) return failed();
    input_.remove_prefix(message.head_parser.size());
    message.content_remaining = message.head.content_length().value_or(0);
    if (message.head.chunked()) {
        message.chunks.start();
        state_ = State::chunks;
    } else {
        state_ = message.content_remaining > 0 ? State::content : State::end;
    }
    return StartOfMessage{&message.head};
}

Event RequestParser::next_content() {
    std::uint64_t& remaining = message_->content_remaining;
    if (input_.empty()) return NeedMore{};
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining, input_.size()));
    const BodyData piece{input_.substr(0, size)};
    input_.remove_prefix(size);
    remaining -= size;
    if (remaining == 0) state_ = State::end;
    return piece;
}

Event RequestParser::next_chunk() {
    switch (message_->chunks.next(input_, limits_, error_)) {
        case ScanResult::item:
            return BodyData{message_->chunks.piece()};
        case ScanResult::need_more:
            return NeedMore{};
        case ScanResult::failed:
            return failed();
        case ScanResult::done:
            break;
    }
    message_->trailer_scanner.start(0);
    state_ = State::trailers;
    return next_trailers();
}

Event RequestParser::next_trailers() {
    FieldScanner& scanner = message_->trailer_scanner;
    HeaderFields& trailers = message_->trailers;
    trailers.set_block(input_.data());
    for (;;) {
        switch (scanner.next(input_.data(), offset_bound(input_), limits_, error_)) {
            case ScanResult::need_more:
                return need_more();
            case ScanResult::failed:
                return failed();
            case ScanResult::done:
                input_.remove_prefix(scanner.position());
                state_ = State::between;
                return EndOfMessage{&trailers};
            case ScanResult::item:
                trailers.add(scanner.field());
                break;
        }
        const std::string_view name = trailers[trailers.size() - 1].name;
        if (is_forbidden_in_trailers(name)) {
            fail(error_, 400, "RFC 9110 §6.5.1", fmt::format("a {} field in the trailer section", name));
            return failed();
        }
    }
}

Event RequestParser::need_more() {
    keep_unconsumed();
    return NeedMore{};
}

Event RequestParser::failed() {
    state_ = State::failed;
    return *error_;
}

}  // namespace stepwise::http
