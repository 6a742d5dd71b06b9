#include <stepwise/net/http/parser.hpp>

#include <stepwise/net/http/body_parser.hpp>
#include <stepwise/net/http/head_parser.hpp>
#include <stepwise/net/http/input_buffer.hpp>

#include <utility>

namespace stepwise::http {

namespace {

BodyFraming framing_of(const RequestHead& head) {
    if (head.chunked()) return BodyFraming::chunked;
    return head.has_body() ? BodyFraming::content_length : BodyFraming::none;
}

}  // namespace

// Everything about the message that is being read, and the bytes that are still to be read.
struct RequestParser::Message {
    HeadParser head_parser;
    RequestHead head;
    BodyParser body;
    InputBuffer input;
    ErrorSlot error;
    Message* next_spare = nullptr;
};

// Of one thread: few parsers are within a message at once, however many connections wait for one.
class RequestParser::Spares {
public:
    static std::unique_ptr<Message> take() {
        if (first == nullptr) return std::make_unique<Message>();
        --count;
        Message* const message = first;
        first = std::exchange(message->next_spare, nullptr);
        return std::unique_ptr<Message>(message);
    }
    static void put(std::unique_ptr<Message> message) noexcept {
        // Made by the first one, so that only threads that parse pay for a destructor.
        thread_local EndWithThread end_with_thread;
        static_cast<void>(end_with_thread);
        if (count == count_max || has_ended) return;
        ++count;
        message->next_spare = std::exchange(first, message.get());
        static_cast<void>(message.release());
    }

private:
    struct EndWithThread {
        ~EndWithThread() {
            has_ended = true;
            while (first != nullptr) delete std::exchange(first, first->next_spare);
        }
    };

    static constexpr int count_max = 64;
    static constinit thread_local Message* first;
    static constinit thread_local int count;
    static constinit thread_local bool has_ended;
};

constinit thread_local RequestParser::Message* RequestParser::Spares::first = nullptr;
constinit thread_local int RequestParser::Spares::count = 0;
constinit thread_local bool RequestParser::Spares::has_ended = false;

RequestParser::RequestParser() noexcept = default;
RequestParser::RequestParser(const ParserLimits& limits) : limits_(std::make_shared<const ParserLimits>(limits)) {}
RequestParser::RequestParser(std::shared_ptr<const ParserLimits> limits) noexcept : limits_(std::move(limits)) {}
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;
RequestParser::~RequestParser() {
    if (state_ == State::between) give_back();
}

const ParserLimits& RequestParser::limits() const {
    static constexpr ParserLimits defaults;
    return limits_ == nullptr ? defaults : *limits_;
}

void RequestParser::receive_data(std::string_view bytes) {
    if (state_ == State::failed || bytes.empty()) return;
    if (message_ == nullptr) message_ = Spares::take();
    message_->input.receive(bytes);
}

std::string_view RequestParser::unconsumed() const {
    return message_ == nullptr ? std::string_view() : message_->input.view();
}

void RequestParser::keep_unconsumed() {
    if (message_ != nullptr) message_->input.keep();
}

void RequestParser::give_back() noexcept {
    if (message_ == nullptr) return;
    message_->input.forget();
    message_->input.release();
    Spares::put(std::move(message_));
}

Event RequestParser::next_event() {
    switch (state_) {
        case State::between:
            if (unconsumed().empty()) {
                give_back();
                return NeedMore{};
            }
            message_->head_parser.start(message_->head);
            state_ = State::head;
            return next_head();
        case State::head:
            return next_head();
        case State::body:
            return next_of_body();
        case State::failed:
            break;
    }
    return *message_->error;
}

std::optional<net::ProtocolError> RequestParser::receive_eof() {
    if (state_ == State::failed) return *message_->error;
    const std::string_view rest = unconsumed();
    const bool only_empty_line = state_ == State::head && (rest == "\r\n" || rest == "\r");
    const bool body_has_ended = state_ == State::body && message_->body.end_input();
    if (state_ == State::between || body_has_ended || only_empty_line) return std::nullopt;
    fail(message_->error, 400, "RFC 9112 §8",
         state_ == State::head ? "the peer closed the connection within the head of a request"
                               : "the peer closed the connection within the body of a request");
    failed();
    return *message_->error;
}

Event RequestParser::next_head() {
    Message& message = *message_;
    InputBuffer& input = message.input;
    const ScanResult result =
        message.head_parser.parse(input.block(), input.block_size(), limits(), message.head, message.error);
    if (result == ScanResult::need_more) {
        input.keep();
        return NeedMore{};
    }
    if (result == ScanResult::failed) return failed();
    input.consume(message.head_parser.size());
    message.body.start(framing_of(message.head), message.head.content_length().value_or(0));
    state_ = State::body;
    return StartOfMessage{&message.head};
}

Event RequestParser::next_of_body() {
    BodyParser& body = message_->body;
    switch (body.next(message_->input, limits(), message_->error)) {
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
    message_->input.forget();
    return *message_->error;
}

}  // namespace stepwise::http
