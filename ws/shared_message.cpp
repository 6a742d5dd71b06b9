#include <stepwise/ws/connection.hpp>
#include <stepwise/ws/shared_message.hpp>

#include <algorithm>
#include <cassert>

namespace stepwise::ws {

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

SharedMessage SharedEncoder::encode(Opcode opcode, std::string_view payload) {
    SharedMessage message;
    append_frame(frames_, opcode, payload);
    message.plain = frames_.take();
    const auto smallest = std::find_if(members_with_.begin() + 1, members_with_.end(), [](auto n) { return n != 0; });
    if (smallest == members_with_.end()) return message;
    const int window_bits = static_cast<int>(smallest - members_with_.begin());
    const auto packed = pack_alone(payload, window_bits, options_);
    if (!packed) return message;
    append_frame(frames_, opcode, *packed, true, std::nullopt, rsv1);
    message.packed = frames_.take();
    message.window_bits = window_bits;
    return message;
}

}  // namespace stepwise::ws
