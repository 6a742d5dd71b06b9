#include <stepwise/net/http/parser.hpp>

#include <stepwise/net/http/body_parser.hpp>
#include <stepwise/net/http/head_parser.hpp>

namespace stepwise::http {

namespace {

BodyFraming framing_of(const RequestHead& head) {
    if (head.chunked()) return BodyFraming::chunked;
    return head.has_body() ? BodyFraming::content_length : BodyFraming::none;
}

}  // namespace

// Everything about the message that is being read.
struct RequestParser::Message {
    HeadParser head_parser;
    RequestHead head;
    BodyParser body;
};

RequestParser::RequestParser(ParserLimits limits) : limits_(limits) {}
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;
RequestParser::~RequestParser() = default;

void RequestParser::release_memory() {
    if (state_ != State::between || !input_.empty()) return;
    input_.release();
    message_.reset();
}

Event RequestParser::next_event() {
    switch (state_) {
        case State::between:
            if (input_.empty()) {
                input_.release();
                return NeedMore{};
            }
            start_message();
            return next_head();
        case State::head:
            return next_head();
        case State::body:
            return next_of_body();
        case State::failed:
            break;
    }
    return *error_;
}

std::optional<net::ProtocolError> RequestParser::receive_eof() {
    if (state_ == State::failed) return *error_;
    const std::string_view rest = input_.view();
    const bool only_empty_line = state_ == State::head && (rest == "\r\n" || rest == "\r");
    const bool body_has_ended = state_ == State::body && message_->body.end_input();
    if (state_ == State::between || body_has_ended || only_empty_line) return std::nullopt;
    fail(error_, 400, "RFC 9112 §8",
         state_ == State::head ? "the peer closed the connection within the head of a request"
                               : "the peer closed the connection within the body of a request");
    failed();
    return *error_;
}

void RequestParser::start_message() {
    if (!message_) message_ = std::make_unique<Message>();
    message_->head_parser.start(message_->head);
    state_ = State::head;
}

Event RequestParser::next_head() {
    Message& message = *message_;
    const ScanResult result =
        message.head_parser.parse(input_.block(), input_.block_size(), limits_, message.head, error_);
    if (result == ScanResult::need_more) {
        input_.keep();
        return NeedMore{};
    }
    if (result == ScanResult::failed) return failed();
    input_.consume(message.head_parser.size());
    message.body.start(framing_of(message.head), message.head.content_length().value_or(0));
    state_ = State::body;
    return StartOfMessage{&message.head};
}

Event RequestParser::next_of_body() {
    BodyParser& body = message_->body;
    switch (body.next(input_, limits_, error_)) {
        case ScanResult::item:
            return BodyData{body.piece()};
        case ScanResult::need_more:
            return NeedMore{};
        case ScanResult::failed:
            return failed();
        case ScanResult::done:
            break;
    }
    state_ = State::between;
    return EndOfMessage{&body.trailers()};
}

Event RequestParser::failed() {
    state_ = State::failed;
    input_.forget();
    return *error_;
}

}  // namespace stepwise::http
