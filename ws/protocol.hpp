// A WebSocket connection after its handshake, without I/O: bytes in, events out (RFC 6455, RFC 7692), for both ends.
//
//     ws::Protocol protocol(ws::Role::server);
//     protocol.receive_data(bytes);
//     ws::Protocol::Event event = protocol.next_event();   // until it is NeedMore
//
// Payloads are unmasked in place, in the caller's bytes: a whole unfragmented frame is a view of them, neither copied
// nor allocated; what arrives in parts is joined in one owned buffer that never grows faster than the bytes that came.
// A view is good until the next call of either function, and at NeedMore no byte of the caller's is looked at any more.
// An idle Protocol holds no heap memory, but for what compression keeps where it is agreed on (deflate.hpp).
// What a peer sends never throws. Nothing is answered by itself: the owner calls send_pong, send_close_reply, fail.
// One thread; not movable, as views point into it.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/protocol_error.hpp>
#include <stepwise/ws/close_code.hpp>
#include <stepwise/ws/deflate.hpp>
#include <stepwise/ws/frame.hpp>
#include <stepwise/ws/utf8.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace stepwise::ws {

inline constexpr std::size_t close_reason_bytes_max = control_payload_bytes_max - 2;

struct ProtocolOptions {
    // A received message, all its fragments together; more is refused with 1009, as soon as a header announces it. Of a
    // compressed one what it unpacks to counts: it is refused while it is unpacked, so that it costs no more memory.
    std::size_t message_bytes_max = 1 << 20;
    // A received data frame. Without a limit of its own, as message_bytes_max already bounds memory.
    std::uint64_t frame_bytes_max = std::numeric_limits<std::uint64_t>::max();
    CompressionOptions compression{};
};

// Borrows a callable that gives 32 unpredictable bits, for the mask of each frame that a client sends (RFC 6455 §10.3).
// The callable must outlive the Protocol.
class MaskKeySource {
public:
    MaskKeySource() = default;  // for a server: none
    template <std::invocable Callable>
    requires std::convertible_to<std::invoke_result_t<Callable&>, std::uint32_t>
    explicit MaskKeySource(Callable& callable)
        : context_(&callable),
          next_([](void* context) -> std::uint32_t { return (*static_cast<Callable*>(context))(); }) {}

    explicit operator bool() const { return next_ != nullptr; }
    MaskKey next() const { return std::bit_cast<MaskKey>(next_(context_)); }

private:
    void* context_ = nullptr;
    std::uint32_t (*next_)(void*) = nullptr;
};

class Protocol {
public:
    struct Message {
        Opcode opcode;  // text or binary; a text is valid UTF-8
        std::string_view payload;
    };
    struct Ping {
        std::string_view payload;  // what the pong must repeat
    };
    struct Pong {
        std::string_view payload;
    };
    struct Close {
        CloseCode code;  // no_status_received if the frame had none
        std::string_view reason;
    };
    using Event = std::variant<NeedMore, Message, Ping, Pong, Close, net::ProtocolError>;

    // closing: a Close frame went one way only. closed: both ways, or the peer broke a rule.
    enum class State : std::uint8_t { open, closing, closed };

    // A client needs a source of mask keys: std::invalid_argument without.
    // `compression`: what the handshake agreed on.
    explicit Protocol(Role role, const ProtocolOptions& options = {}, MaskKeySource mask_key_source = {},
                      const std::optional<CompressionTerms>& compression = std::nullopt);
    Protocol(const Protocol&) = delete;
    Protocol& operator=(const Protocol&) = delete;

    // Lends bytes that arrived, until next_event() says NeedMore; std::logic_error if earlier bytes are still lent.
    void receive_data(std::span<char> bytes);

    // After a Close event everything that still arrives is dropped. A ProtocolError is final: every later call gives it
    // again. Messages that arrive after our own Close are still given; their owner may drop them.
    [[nodiscard]] Event next_event();

    // After a Message: those of the lent bytes that are not read yet, to be lent again. Views are gone.
    [[nodiscard]] std::span<char> take_unread();
    bool has_unread() const { return !input_.empty(); }

    // Each send appends one whole frame and says true; or it writes nothing and says false, because the connection
    // no longer takes such a frame: messages after our Close, pings and pongs once both Closes went, anything but a
    // Close after an error. Where the sink throws, nothing was written and nothing has changed.
    // The payload of a text must be valid UTF-8; that is not checked, but peers close with 1007.
    template <net::ByteSink Sink>
    [[nodiscard]] bool send_message(Sink& sink, Opcode opcode, std::string_view payload) {
        check_data_opcode(opcode);
        if (close_sent_ || error_) return false;
        if (!compression_) return send_frame(sink, opcode, payload);
        try {
            const std::optional<std::string_view> packed = compression_->pack(payload);
            return packed ? send_frame(sink, opcode, *packed, rsv1) : send_frame(sink, opcode, payload);
        } catch (...) {
            compression_->forget_sent();  // the next one must not refer to what the peer never got
            throw;
        }
    }
    template <net::ByteSink Sink>
    [[nodiscard]] bool send_text(Sink& sink, std::string_view payload) {
        return send_message(sink, Opcode::text, payload);
    }
    template <net::ByteSink Sink>
    [[nodiscard]] bool send_binary(Sink& sink, std::string_view payload) {
        return send_message(sink, Opcode::binary, payload);
    }

    // A payload over 125 bytes throws std::invalid_argument.
    template <net::ByteSink Sink>
    [[nodiscard]] bool send_ping(Sink& sink, std::string_view payload = {}) {
        return send_control(sink, Opcode::ping, payload);
    }
    template <net::ByteSink Sink>
    [[nodiscard]] bool send_pong(Sink& sink, std::string_view payload) {
        return send_control(sink, Opcode::pong, payload);
    }

    // std::invalid_argument for a code that may not be sent, and for a reason over 123 bytes or not UTF-8.
    static void check_close(CloseCode code, std::string_view reason);

    // Starts the closing handshake; false if our Close was sent before. Throws as check_close().
    template <net::ByteSink Sink>
    bool send_close(Sink& sink, CloseCode code = CloseCode::normal_closure, std::string_view reason = {}) {
        check_close(code, reason);
        return write_close(sink, code, reason);
    }

    // Answers a Close event with its own code (RFC 6455 §5.5.1); false if our Close was sent before.
    template <net::ByteSink Sink>
    bool send_close_reply(Sink& sink) {
        return close_received_ && write_close(sink, received_code_, {});
    }

    // Ends the connection for `error`, which next_event() gave or the owner found: sends its code, and its message as
    // the reason, if our Close was not sent before. From here on next_event() gives an error.
    template <net::ByteSink Sink>
    bool fail(Sink& sink, const net::ProtocolError& error) {
        const bool sent =
            send_close(sink, static_cast<CloseCode>(error.code), utf8_prefix(error.message, close_reason_bytes_max));
        stop(error);
        return sent;
    }

    // What the handshake agreed on; nullptr: nothing.
    MessageCompression* compression() { return compression_ ? &*compression_ : nullptr; }
    // Between messages, with nothing lent and no Close or error so far: another one, made of the same, would do the
    // same.
    bool is_as_new() const;

    Role role() const { return role_; }
    State state() const;
    bool close_sent() const { return close_sent_; }
    bool close_received() const { return close_received_; }

    // What to report once the connection is gone: the peer's code, or abnormal_closure if no Close frame came.
    CloseCode close_code() const { return close_received_ ? received_code_ : CloseCode::abnormal_closure; }

private:
    enum class Phase : std::uint8_t { header, payload, stopped };

    // Receiving. False means: no more can be made of the input, for want of bytes or because of an error.
    bool take_short_message(Message& message);
    bool read_header();
    bool may_be_packed(unsigned char first_byte);
    bool begin_frame(const FrameHeader& header);
    std::string_view take_payload();
    bool take_data(std::string_view arrived, bool message_done);
    bool check_text(std::string_view arrived, bool message_done);
    bool unpack(std::string_view arrived, bool message_done);
    void join(std::string_view arrived);
    Event deliver_message(std::string_view payload);
    Event deliver_control(std::string_view payload);
    Event deliver_close(std::string_view payload);
    Event final_event() const;
    bool refuse(const net::ProtocolError& error);
    void drop_delivered();
    void release_joined();

    // Sending.
    void stop(const net::ProtocolError& error);
    static void check_data_opcode(Opcode opcode);
    static void check_control_payload(std::string_view payload);

    template <net::ByteSink Sink>
    bool send_frame(Sink& sink, Opcode opcode, std::string_view payload, std::uint8_t reserved_bits = 0) {
        std::optional<MaskKey> key;
        if (role_ == Role::client) key = mask_key_source_.next();
        append_frame(sink, opcode, payload, true, key, reserved_bits);
        return true;
    }
    template <net::ByteSink Sink>
    bool send_control(Sink& sink, Opcode opcode, std::string_view payload) {
        check_control_payload(payload);
        return state() == State::closed ? false : send_frame(sink, opcode, payload);
    }
    template <net::ByteSink Sink>
    bool write_close(Sink& sink, CloseCode code, std::string_view reason) {
        if (close_sent_) return false;
        std::array<char, control_payload_bytes_max> payload;
        return close_sent_ = send_frame(sink, Opcode::close, close_payload(payload, code, reason));
    }
    static std::string_view close_payload(std::span<char> room, CloseCode code, std::string_view reason);

    // What arrived in parts: the message so far, then control_bytes_ of a control frame that came between fragments.
    std::vector<char> joined_;
    std::span<char> input_;  // the caller's bytes that are not read yet
    std::size_t message_bytes_max_;
    std::uint64_t frame_bytes_max_;
    MaskKeySource mask_key_source_;
    std::unique_ptr<net::ProtocolError> error_;
    std::optional<MessageCompression> compression_;
    std::uint64_t frame_bytes_left_ = 0;
    MaskKey mask_key_{};  // turned so that it starts at the next payload byte
    std::array<char, frame_header_bytes_max> partial_header_;
    std::uint8_t partial_header_bytes_ = 0;
    std::uint8_t control_bytes_ = 0;
    Opcode frame_opcode_ = Opcode::continuation;
    Opcode message_opcode_ = Opcode::continuation;  // of the message in progress; continuation: none is
    CloseCode received_code_ = CloseCode::no_status_received;
    Utf8Validator text_;  // between texts it is as new: only a complete text is given
    Role role_;
    Phase phase_ = Phase::header;
    bool frame_fin_ = true;
    bool message_packed_ = false;    // the message in progress is compressed
    bool joined_delivered_ = false;  // the last event views joined_
    bool close_sent_ = false;
    bool close_received_ = false;
};

}  // namespace stepwise::ws
