// The client's side of HTTP/1.1 as a machine without I/O: bytes in, events out (RFC 9112). A server's mistake is an
// event too, never an exception, and the same one again at every later call.
//
// How a response ends depends on what was asked, so it must be told the method of every request, in their order. Bytes
// that no request asked for are a mistake. It parses in place and copies as RequestParser does; between messages it
// holds no bytes at all. How long views in events are good says events.hpp. One thread; movable.
//
// The code of an error is 502, which a gateway would answer with; 413 where a body and 431 where heads were too much.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stepwise/net/http/events.hpp>
#include <stepwise/net/http/input_buffer.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/response_head_parser.hpp>
#include <stepwise/net/protocol_error.hpp>
#include <string_view>
#include <variant>
#include <vector>

namespace stepwise::http {

// 100 Continue, 103 Early Hints …: a head without a body, before the response to the same request.
struct InterimResponse {
    const ResponseHead* head;  // the parser's own
};

struct StartOfResponse {
    const ResponseHead* head;  // the parser's own
};

using ResponseEvent =
    std::variant<NeedMore, InterimResponse, StartOfResponse, BodyData, EndOfMessage, net::ProtocolError>;

//     http::ResponseParser parser;
//     parser.expect_response("GET");
//     parser.receive_data(bytes);
//     http::ResponseEvent event = parser.next_event();   // until it is NeedMore
class ResponseParser {
public:
    explicit ResponseParser(ParserLimits limits = {});
    ResponseParser(ResponseParser&&) noexcept;
    ResponseParser& operator=(ResponseParser&&) noexcept;
    ~ResponseParser();

    // A request with this method was sent, and one more response is to come.
    void expect_response(std::string_view method);
    // How many have not started yet.
    std::size_t expected_responses() const { return asked_.size(); }

    // More bytes from the server. They must stay until `next_event` says NeedMore or gives an error, or until
    // `keep_unconsumed`. After an error they are not looked at.
    void receive_data(std::string_view bytes) {
        if (state_ != State::failed) input_.receive(bytes);
    }

    // After the EndOfMessage of a head that `switches_protocol()` it says NeedMore for good, and keeps what
    // comes.
    ResponseEvent next_event();

    // The server will send no more; call it after NeedMore. Nothing: a body that ends with its connection is complete
    // (`next_event` gives its EndOfMessage), or nothing was expected. An error (sticky, as any other): it left too
    // early.
    std::optional<net::ProtocolError> receive_eof();

    // The bytes behind the last event. Behind a head that switches protocols they belong to the next one.
    std::string_view unconsumed() const { return input_.view(); }
    // Copies these bytes: afterwards the caller's may go.
    void keep_unconsumed() { input_.keep(); }

    bool is_between_messages() const { return state_ == State::between; }
    // Gives back what is kept for speed, for connections that may idle for long. Only acts between messages with
    // nothing left unconsumed.
    void release_memory();

    const ParserLimits& limits() const { return limits_; }
    // For the messages that have not begun.
    void set_limits(const ParserLimits& limits) { limits_ = limits; }

private:
    enum class State : std::uint8_t { between, head, body, switched, failed };
    struct Message;

    void start_message();
    ResponseEvent next_head();
    ResponseEvent next_of_body();
    ResponseEvent failed();
    ResponseEvent fail_with(int code, std::string_view section, std::string message);

    ParserLimits limits_;
    State state_ = State::between;
    std::uint32_t interim_responses_ = 0;  // to the request that is next to be answered
    std::vector<AskedMethod> asked_;
    InputBuffer input_;
    std::unique_ptr<Message> message_;  // made by the first byte, and reused
    ErrorSlot error_;
};

}  // namespace stepwise::http
