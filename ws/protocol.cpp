#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <stepwise/ws/protocol.hpp>
#include <utility>

namespace stepwise::ws {
namespace {

net::ProtocolError peer_error(CloseCode code, std::string_view section, std::string message) {
    return {static_cast<int>(code), section, std::move(message)};
}

[[gnu::cold, gnu::noinline]] net::ProtocolError too_big(Role role, std::string_view what, std::uint64_t bytes,
                                                        std::uint64_t bytes_max, std::string_view option) {
    const std::string_view side = role == Role::server ? "server" : "client";
    return peer_error(CloseCode::message_too_big, "RFC 6455 §10.4",
                      fmt::format("a {} of {} bytes or more: this {} takes {} (ProtocolOptions::{})", what, bytes, side,
                                  bytes_max, option));
}

[[gnu::cold, gnu::noinline]] net::ProtocolError bad_order(Opcode opcode) {
    return peer_error(CloseCode::protocol_error, "RFC 6455 §5.4",
                      opcode == Opcode::continuation ? "a continuation frame, but no fragmented message is open"
                                                     : "a new message began inside a fragmented one");
}

[[gnu::cold, gnu::noinline]] net::ProtocolError bad_packed_bit(Opcode opcode) {
    return peer_error(CloseCode::protocol_error, "RFC 7692 §6.1",
                      fmt::format("RSV1 is set in a frame of opcode 0x{:X}: only the first of a message may have it",
                                  static_cast<unsigned>(opcode)));
}

[[gnu::cold, gnu::noinline]] net::ProtocolError bad_packed_data() {
    return peer_error(CloseCode::invalid_payload_data, "RFC 7692 §7.2.2", "a message is not compressed as it says");
}

[[gnu::cold, gnu::noinline]] net::ProtocolError bad_text() {
    return peer_error(CloseCode::invalid_payload_data, "RFC 6455 §8.1", "a text message is not valid UTF-8");
}

}  // namespace

Protocol::Protocol(Role role, const ProtocolOptions& options, MaskKeySource mask_key_source,
                   const std::optional<CompressionTerms>& compression)
    : message_bytes_max_(
          std::min(options.message_bytes_max, std::numeric_limits<std::size_t>::max() - control_payload_bytes_max)),
      frame_bytes_max_(options.frame_bytes_max),
      mask_key_source_(mask_key_source),
      role_(role) {
    if (role == Role::client && !mask_key_source_) {
        throw std::invalid_argument("ws::Protocol: a client needs a source of mask keys (RFC 6455 §5.3)");
    }
    if (compression) compression_.emplace(role, *compression, options.compression);
}

Protocol::State Protocol::state() const {
    if (error_ || (close_sent_ && close_received_)) return State::closed;
    return close_sent_ || close_received_ ? State::closing : State::open;
}

bool Protocol::is_as_new() const {
    const bool between_messages =
        phase_ == Phase::header && partial_header_bytes_ == 0 && message_opcode_ == Opcode::continuation;
    return between_messages && input_.empty() && !joined_delivered_ && !error_ && !close_sent_ && !close_received_ &&
           (!compression_ || compression_->is_as_new());
}

void Protocol::receive_data(std::span<char> bytes) {
    if (phase_ == Phase::stopped) return;
    if (!input_.empty()) {
        throw std::logic_error("ws::Protocol::receive_data: call next_event() until NeedMore before lending more");
    }
    input_ = bytes;
}

std::span<char> Protocol::take_unread() {
    if (joined_delivered_) drop_delivered();
    return std::exchange(input_, {});
}

Protocol::Event Protocol::next_event() {
    if (joined_delivered_) drop_delivered();
    if (Message message; take_short_message(message)) {
        if (message.opcode == Opcode::text && !is_valid_utf8(message.payload)) {
            refuse(bad_text());
            return final_event();
        }
        return message;
    }
    while (phase_ != Phase::stopped) {
        if (phase_ == Phase::header && !read_header()) break;
        const std::string_view arrived = take_payload();
        const bool frame_done = frame_bytes_left_ == 0;
        if (frame_done) phase_ = Phase::header;
        if (is_control(frame_opcode_)) {
            if (frame_done && control_bytes_ == 0) return deliver_control(arrived);
            join(arrived);
            control_bytes_ = static_cast<std::uint8_t>(control_bytes_ + arrived.size());
            if (!frame_done) break;
            joined_delivered_ = true;
            return deliver_control({joined_.data() + joined_.size() - control_bytes_, control_bytes_});
        }
        const bool message_done = frame_done && frame_fin_;
        if (message_packed_ || !joined_.empty() || !message_done) {
            if (!take_data(arrived, message_done)) break;
        } else {
            if (message_opcode_ == Opcode::text && !check_text(arrived, true)) break;
            return deliver_message(arrived);
        }
        if (message_done) {
            joined_delivered_ = true;
            return deliver_message({joined_.data(), joined_.size()});
        }
        if (!frame_done) break;
    }
    return final_event();
}

// A short cut for the frame that most are: a whole message of at most 125 bytes that lies in the input and breaks no
// rule. It leaves all others, broken ones too, to the general way, which takes these as well when they arrive in parts.
inline bool Protocol::take_short_message(Message& message) {
    const std::size_t header_bytes = role_ == Role::server ? 6 : 2;
    const bool between_messages =
        phase_ == Phase::header && partial_header_bytes_ == 0 && message_opcode_ == Opcode::continuation;
    if (!between_messages || input_.size() < header_bytes) return false;
    const auto first = static_cast<unsigned char>(input_[0]);
    if (first != 0x81 && first != 0x82) return false;
    // A mask bit that is not as it should be makes this 128 or more.
    const std::size_t size = static_cast<unsigned char>(input_[1]) ^ (role_ == Role::server ? 0x80U : 0U);
    if (size > 125 || size > message_bytes_max_ || size > frame_bytes_max_) return false;
    if (input_.size() - header_bytes < size) return false;
    const std::span<char> payload = input_.subspan(header_bytes, size);
    if (role_ == Role::server) {
        MaskKey key;
        std::memcpy(key.data(), &input_[2], key.size());
        apply_mask(payload, key);
    }
    input_ = input_.subspan(header_bytes + size);
    message = {static_cast<Opcode>(first & 0xF), {payload.data(), payload.size()}};
    return true;
}

bool Protocol::read_header() {
    if (input_.empty()) return false;
    std::span<const char> bytes = input_;
    if (partial_header_bytes_ != 0) {
        const std::size_t added = std::min(frame_header_bytes_max - partial_header_bytes_, input_.size());
        std::memcpy(partial_header_.data() + partial_header_bytes_, input_.data(), added);
        bytes = {partial_header_.data(), partial_header_bytes_ + added};
    }
    const bool is_packed = (bytes[0] & rsv1 << 4) != 0 && compression_.has_value();
    if (is_packed && !may_be_packed(static_cast<unsigned char>(bytes[0]))) return false;
    FrameHeaderResult result = parse_frame_header(bytes, role_, is_packed ? rsv1 : 0);
    if (const auto* header = std::get_if<FrameHeader>(&result)) {
        input_ = input_.subspan(header->header_bytes - std::size_t{partial_header_bytes_});
        partial_header_bytes_ = 0;
        return begin_frame(*header);
    }
    if (const auto* error = std::get_if<net::ProtocolError>(&result)) return refuse(*error);
    if (partial_header_bytes_ == 0) std::memcpy(partial_header_.data(), bytes.data(), bytes.size());
    partial_header_bytes_ = static_cast<std::uint8_t>(bytes.size());
    input_ = {};
    return false;
}

// RSV1 stands for a whole message: its first frame has it, the others and control frames have not.
bool Protocol::may_be_packed(unsigned char first_byte) {
    const auto opcode = static_cast<Opcode>(first_byte & 0xF);
    if (opcode != Opcode::continuation && !is_control(opcode)) return true;
    return refuse(bad_packed_bit(opcode));
}

bool Protocol::begin_frame(const FrameHeader& header) {
    if (!is_control(header.opcode)) {
        const bool continues = header.opcode == Opcode::continuation;
        if (continues != (message_opcode_ != Opcode::continuation)) return refuse(bad_order(header.opcode));
        if (header.payload_bytes > frame_bytes_max_) {
            return refuse(too_big(role_, "frame", header.payload_bytes, frame_bytes_max_, "frame_bytes_max"));
        }
        if (!continues) message_packed_ = (header.reserved_bits & rsv1) != 0;
        // joined_ holds the message so far, and no more than message_bytes_max_ of it.
        if (!message_packed_ && header.payload_bytes > message_bytes_max_ - joined_.size()) {
            return refuse(too_big(role_, "message", joined_.size() + header.payload_bytes, message_bytes_max_,
                                  "message_bytes_max"));
        }
        if (!continues) message_opcode_ = header.opcode;
        frame_fin_ = header.fin;
    }
    frame_opcode_ = header.opcode;
    frame_bytes_left_ = header.payload_bytes;
    mask_key_ = header.mask_key;
    phase_ = Phase::payload;
    return true;
}

// As much of the frame's payload as is there, unmasked.
std::string_view Protocol::take_payload() {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(frame_bytes_left_, input_.size()));
    const std::span<char> payload = input_.first(size);
    input_ = input_.subspan(size);
    frame_bytes_left_ -= size;
    if (role_ == Role::server) {
        apply_mask(payload, mask_key_);
        if (frame_bytes_left_ != 0) mask_key_ = rotate_mask(mask_key_, size);
    }
    return {payload.data(), payload.size()};
}

// Into joined_, behind what came before.
bool Protocol::take_data(std::string_view arrived, bool message_done) {
    if (message_packed_) return unpack(arrived, message_done);
    if (message_opcode_ == Opcode::text && !check_text(arrived, message_done)) return false;
    join(arrived);
    return true;
}

// In pieces: what a few bytes unpack to may be more than any memory.
bool Protocol::unpack(std::string_view arrived, bool message_done) {
    std::array<char, 16 * 1024> room;
    compression_->receive(arrived, message_done);
    for (;;) {
        const std::optional<std::string_view> piece = compression_->next_piece(room);
        if (!piece) return refuse(bad_packed_data());
        if (piece->size() > message_bytes_max_ - joined_.size()) {
            return refuse(
                too_big(role_, "message", joined_.size() + piece->size(), message_bytes_max_, "message_bytes_max"));
        }
        const bool ends = piece->empty();
        if (message_opcode_ == Opcode::text && !check_text(*piece, ends && message_done)) return false;
        if (ends) return true;
        join(*piece);
    }
}

bool Protocol::check_text(std::string_view arrived, bool message_done) {
    if (text_.feed(arrived) && (!message_done || text_.is_complete())) return true;
    return refuse(bad_text());
}

// Doubles the buffer, but not beyond what it may ever hold: its growth follows what arrived, not what was announced.
void Protocol::join(std::string_view arrived) {
    if (compression_ && joined_.capacity() == 0) joined_ = MessageCompression::borrow_buffer();
    const std::size_t needed = joined_.size() + arrived.size();
    if (needed > joined_.capacity()) {
        const std::size_t bytes_max = message_bytes_max_ + control_payload_bytes_max;
        joined_.reserve(std::max(needed, std::min(2 * joined_.capacity(), bytes_max)));
    }
    joined_.insert(joined_.end(), arrived.begin(), arrived.end());
}

Protocol::Event Protocol::deliver_message(std::string_view payload) {
    if (std::exchange(message_packed_, false)) compression_->end_received();
    return Message{std::exchange(message_opcode_, Opcode::continuation), payload};
}

Protocol::Event Protocol::deliver_control(std::string_view payload) {
    if (frame_opcode_ == Opcode::ping) return Ping{payload};
    if (frame_opcode_ == Opcode::pong) return Pong{payload};
    return deliver_close(payload);
}

// RFC 6455 §5.5.1: nothing, or a code of two bytes and a reason.
Protocol::Event Protocol::deliver_close(std::string_view payload) {
    Close close{CloseCode::no_status_received, {}};
    if (payload.size() == 1) {
        refuse(peer_error(CloseCode::protocol_error, "RFC 6455 §5.5.1", "a Close frame has half a code: 1 byte"));
        return final_event();
    }
    if (payload.size() >= 2) {
        const auto high = static_cast<unsigned char>(payload[0]);
        const auto low = static_cast<unsigned char>(payload[1]);
        close = {static_cast<CloseCode>(high << 8 | low), payload.substr(2)};
        if (!is_valid_on_wire(close.code)) {
            refuse(peer_error(CloseCode::protocol_error, "RFC 6455 §7.4.1",
                              fmt::format("a Close frame has code {}, which must not be sent", high << 8 | low)));
            return final_event();
        }
        if (!is_valid_utf8(close.reason)) {
            refuse(peer_error(CloseCode::invalid_payload_data, "RFC 6455 §5.5.1",
                              "the reason in a Close frame is not valid UTF-8"));
            return final_event();
        }
    }
    close_received_ = true;
    received_code_ = close.code;
    phase_ = Phase::stopped;
    input_ = {};
    joined_delivered_ = true;  // an unfinished message goes too, with the next next_event()
    if (compression_) compression_->end_received();
    return close;
}

Protocol::Event Protocol::final_event() const {
    if (error_) return *error_;
    return NeedMore{};
}

bool Protocol::refuse(const net::ProtocolError& error) {
    stop(error);
    release_joined();
    return false;
}

void Protocol::stop(const net::ProtocolError& error) {
    if (!error_) error_ = std::make_unique<net::ProtocolError>(error);
    phase_ = Phase::stopped;
    input_ = {};
    // An event that the owner still looks at may view joined_: the next next_event() releases it.
    control_bytes_ = 0;
    joined_delivered_ = true;
    if (compression_) compression_->end_received();
}

void Protocol::drop_delivered() {
    joined_delivered_ = false;
    const bool was_control = control_bytes_ != 0;
    const std::size_t kept = was_control && phase_ != Phase::stopped ? joined_.size() - control_bytes_ : 0;
    control_bytes_ = 0;
    if (kept == 0) return release_joined();
    joined_.resize(kept);
}

void Protocol::release_joined() {
    joined_delivered_ = false;
    if (compression_) return MessageCompression::return_buffer(std::move(joined_));
    std::vector<char>().swap(joined_);
}

void Protocol::check_data_opcode(Opcode opcode) {
    if (opcode != Opcode::text && opcode != Opcode::binary) {
        throw std::invalid_argument("ws::Protocol::send_message: a message is text or binary");
    }
}

void Protocol::check_control_payload(std::string_view payload) {
    if (payload.size() > control_payload_bytes_max) {
        throw std::invalid_argument(
            fmt::format("ws::Protocol: a ping or pong has at most 125 bytes, not {} (RFC 6455 §5.5)", payload.size()));
    }
}

void Protocol::check_close(CloseCode code, std::string_view reason) {
    if (!is_valid_on_wire(code)) {
        throw std::invalid_argument(
            fmt::format("ws::Protocol: close code {} must not be sent (RFC 6455 §7.4)", static_cast<unsigned>(code)));
    }
    if (reason.size() > close_reason_bytes_max) {
        throw std::invalid_argument(
            fmt::format("ws::Protocol: a close reason has at most 123 bytes, not {} (RFC 6455 §5.5)", reason.size()));
    }
    if (!is_valid_utf8(reason)) {
        throw std::invalid_argument("ws::Protocol: a close reason must be valid UTF-8 (RFC 6455 §5.5.1)");
    }
}

// Written into `room`; without a code the Close frame is empty.
std::string_view Protocol::close_payload(std::span<char> room, CloseCode code, std::string_view reason) {
    if (code == CloseCode::no_status_received) return {};
    const auto number = static_cast<std::uint16_t>(code);
    room[0] = static_cast<char>(number >> 8);
    room[1] = static_cast<char>(number & 0xFF);
    std::copy(reason.begin(), reason.end(), room.begin() + 2);
    return {room.data(), reason.size() + 2};
}

}  // namespace stepwise::ws
