// The server's side of HTTP/1.1 as a machine without I/O: bytes in, events out (RFC 9112). A peer's mistake is an
// event too, never an exception, and the same one again at every later call.
//
//     http::RequestParser parser;
//     parser.receive_data(bytes);
//     http::Event event = parser.next_event();   // until it is NeedMore
//
// It parses in place, in the bytes that `receive_data` was given. Only the start of a head or of a trailer section that
// has not ended yet is copied, when `next_event` says NeedMore; then the caller's bytes may go. How much that can be is
// bounded by ParserLimits. Between messages it holds no memory: what it works with goes back to its thread's others.
//
// How long views in events are good says events.hpp. One thread; movable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stepwise/net/http/events.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/request_head.hpp>
#include <stepwise/net/protocol_error.hpp>
#include <string_view>
#include <variant>

namespace stepwise::http {

struct StartOfMessage {
    const RequestHead* head;  // the parser's own
};

// (After a request whose `keep_alive()` is false there is none that may be answered: RFC 9112 §9.6.)
using Event = std::variant<NeedMore, StartOfMessage, BodyData, EndOfMessage, net::ProtocolError>;

class RequestParser {
public:
    RequestParser() noexcept;
    explicit RequestParser(const ParserLimits& limits);
    // The same limits for many; nullptr: the defaults.
    explicit RequestParser(std::shared_ptr<const ParserLimits> limits) noexcept;
    RequestParser(RequestParser&&) noexcept;
    RequestParser& operator=(RequestParser&&) noexcept;
    ~RequestParser();

    // More bytes from the peer. They must stay until `next_event` says NeedMore or gives an error, or until
    // `keep_unconsumed`. After an error they are not looked at.
    void receive_data(std::string_view bytes);

    Event next_event();

    // The peer will send no more; call it after NeedMore. Nothing: it ended between two messages. An error (sticky, as
    // any other): it left in the middle of one.
    std::optional<net::ProtocolError> receive_eof();

    // The bytes behind the last event. After a request that is answered with 101 they belong to the next protocol.
    std::string_view unconsumed() const;

    // Copies these bytes, as a server must that lets a request wait while the next one has already come: afterwards the
    // caller's may go. (As large as what was given to `receive_data`: stop reading meanwhile.)
    void keep_unconsumed();

    bool is_between_messages() const { return state_ == State::between; }

    const ParserLimits& limits() const;

private:
    enum class State : std::uint8_t { between, head, body, failed };
    struct Message;
    class Spares;

    void give_back() noexcept;
    Event next_head();
    Event next_of_body();
    Event failed();

    std::shared_ptr<const ParserLimits> limits_;  // nullptr: the defaults
    std::unique_ptr<Message> message_;            // from a message's first byte on until nothing is left of it
    State state_ = State::between;
};

}  // namespace stepwise::http
