#include <stepwise/net/http/response_parser.hpp>

#include <fmt/format.h>
#include <stepwise/net/http/body_parser.hpp>

namespace stepwise::http {

namespace {

constexpr int bad_gateway = 502;  // RFC 9110 §15.6.3

}  // namespace

// Everything about the message that is being read.
struct ResponseParser::Message {
    ResponseHeadParser head_parser;
    ResponseHead head;
    BodyParser body;
};

ResponseParser::ResponseParser(ParserLimits limits) : limits_(limits) {}
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;
ResponseParser::~ResponseParser() = default;

void ResponseParser::expect_response(std::string_view method) {
    asked_.push_back(method == "HEAD"      ? AskedMethod::head
                     : method == "CONNECT" ? AskedMethod::connect
                                           : AskedMethod::any_other);
}

void ResponseParser::release_memory() {
    if (state_ != State::between || !input_.empty()) return;
    input_.release();
    message_.reset();
}

ResponseEvent ResponseParser::next_event() {
    switch (state_) {
        case State::between:
            if (input_.empty()) {
                input_.release();
                return NeedMore{};
            }
            if (asked_.empty())
                return fail_with(bad_gateway, "RFC 9112 §9.2", "the server sent bytes that no request asked for");
            start_message();
            return next_head();
        case State::head:
            return next_head();
        case State::body:
            return next_of_body();
        case State::switched:
            input_.keep();
            return NeedMore{};
        case State::failed:
            break;
    }
    return *error_;
}

std::optional<net::ProtocolError> ResponseParser::receive_eof() {
    switch (state_) {
        case State::switched:
            return std::nullopt;
        case State::between:
            if (asked_.empty()) return std::nullopt;
            fail_with(bad_gateway, "RFC 9112 §8", "the server closed the connection before it answered");
            break;
        case State::head:
            fail_with(bad_gateway, "RFC 9112 §8", "the server closed the connection within the head of a response");
            break;
        case State::body:
            if (message_->body.end_input()) return std::nullopt;
            fail_with(bad_gateway, "RFC 9112 §8", "the server closed the connection within the body of a response");
            break;
        case State::failed:
            break;
    }
    return *error_;
}

void ResponseParser::start_message() {
    if (!message_) message_ = std::make_unique<Message>();
    message_->head_parser.start(message_->head);
    state_ = State::head;
}

ResponseEvent ResponseParser::next_head() {
    Message& message = *message_;
    const ResponseHead& head = message.head;
    const ScanResult result =
        message.head_parser.parse(input_.block(), input_.block_size(), limits_, asked_.front(), message.head, error_);
    if (result == ScanResult::need_more) {
        input_.keep();
        return NeedMore{};
    }
    if (result == ScanResult::failed) return failed();
    input_.consume(message.head_parser.size());
    if (head.is_interim()) {
        state_ = State::between;
        if (++interim_responses_ <= limits_.interim_responses_max) return InterimResponse{&head};
        return fail_with(
            431, "RFC 9110 §15.2",
            fmt::format("more interim responses than interim_responses_max ({})", limits_.interim_responses_max));
    }
    interim_responses_ = 0;
    asked_.erase(asked_.begin());
    message.body.start(head.body_framing(), head.content_length().value_or(0));
    state_ = State::body;
    return StartOfResponse{&head};
}

ResponseEvent ResponseParser::next_of_body() {
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
    state_ = message_->head.switches_protocol() ? State::switched : State::between;
    return EndOfMessage{&body.trailers()};
}

ResponseEvent ResponseParser::fail_with(int code, std::string_view section, std::string message) {
    fail(error_, code, section, std::move(message));
    return failed();
}

// The scanners name what a server would tell a client; nobody tells a server anything.
ResponseEvent ResponseParser::failed() {
    const bool is_limit = error_->code == 413 || error_->code == 431;
    if (!is_limit) error_->code = bad_gateway;
    state_ = State::failed;
    input_.forget();
    return *error_;
}

}  // namespace stepwise::http
