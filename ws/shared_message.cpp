#include <stepwise/ws/connection.hpp>
#include <stepwise/ws/shared_message.hpp>

#include <algorithm>
#include <cassert>
#include <stdexcept>

namespace stepwise::ws {

void check_takes_shared(const Connection& connection, const char* call) {
    if (connection.role() == Role::server) return;
    throw std::logic_error(
        std::string(call) +
        ": a message for many is not masked, as a client's must be (RFC 6455 §5.1): it goes to a server's connections "
        "only");
}

void SharedEncoder::add(const Connection& member) {
    const auto bits = static_cast<std::size_t>(member.sent_window_bits());
    ++members_with_[bits];
    if (bits != 0) options_ = member.options().protocol.compression;
}

void SharedEncoder::remove(const Connection& member) noexcept {
    std::uint32_t& members = members_with_[static_cast<std::size_t>(member.sent_window_bits())];
    assert(members != 0);
    --members;
}

net::SharedBytes SharedEncoder::frame(Opcode opcode, std::string_view payload, std::uint8_t reserved_bits) {
    append_frame(frames_, opcode, payload, true, std::nullopt, reserved_bits);
    return frames_.take();
}

SharedMessage SharedEncoder::encode(Opcode opcode, std::string_view payload) {
    SharedMessage message;
    message.plain = frame(opcode, payload, 0);
    const auto smallest = std::find_if(members_with_.begin() + 1, members_with_.end(), [](auto n) { return n != 0; });
    if (smallest == members_with_.end()) return message;
    const int window_bits = static_cast<int>(smallest - members_with_.begin());
    const auto packed = pack_alone(payload, window_bits, options_);
    if (!packed) return message;
    message.packed = frame(opcode, *packed, rsv1);
    message.window_bits = window_bits;
    return message;
}

}  // namespace stepwise::ws
