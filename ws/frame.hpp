// One WebSocket frame: its header read and written, its payload masked (RFC 6455 §5).
//
//     ws::append_frame(sink, ws::Opcode::text, "hello", true, key);
//
//    byte 0: FIN, three reserved bits, opcode     byte 1: MASK, 7-bit length (126: two bytes follow, 127: eight)
//    then the longer length, then the four bytes of the mask key where MASK is set, then the payload
//
// Functions over bytes: nothing here holds state or allocates, but for the text of a ProtocolError. The rules that
// need memory of earlier frames (fragments, limits, closing) are in protocol.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/protocol_error.hpp>
#include <string_view>
#include <variant>

namespace stepwise::ws {

// Which end of the connection we are. A server receives masked frames and sends plain ones; a client the reverse.
enum class Role : std::uint8_t { server, client };

enum class Opcode : std::uint8_t {
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
};

constexpr bool is_control(Opcode opcode) {
    return static_cast<std::uint8_t>(opcode) >= 0x8;
}

using MaskKey = std::array<unsigned char, 4>;  // in wire order

inline constexpr std::size_t frame_header_bytes_max = 14;
inline constexpr std::size_t control_payload_bytes_max = 125;  // RFC 6455 §5.5

inline constexpr std::uint8_t rsv1 = 4;  // of the first frame of a compressed message (RFC 7692 §6)

struct FrameHeader {
    std::uint64_t payload_bytes = 0;
    MaskKey mask_key{};
    bool masked = false;
    bool fin = true;
    Opcode opcode = Opcode::continuation;
    std::uint8_t reserved_bits = 0;  // RSV1 is 4, RSV2 is 2, RSV3 is 1
    std::uint8_t header_bytes = 0;   // set by parse_frame_header; ignored by write_frame_header
};

struct NeedMore {};

using FrameHeaderResult = std::variant<NeedMore, FrameHeader, net::ProtocolError>;

// Reads the header at the beginning of `bytes`, as the end `receiver` of the connection. A broken rule is found with
// the byte that breaks it. `allowed_reserved_bits` are those that a negotiated extension gave a meaning.
[[nodiscard]] FrameHeaderResult parse_frame_header(std::span<const char> bytes, Role receiver,
                                                   std::uint8_t allowed_reserved_bits = 0);

[[nodiscard]] constexpr std::size_t frame_header_size(std::uint64_t payload_bytes, bool masked) {
    const std::size_t length_bytes = payload_bytes <= 125 ? 0 : payload_bytes <= 0xFFFF ? 2 : 8;
    return 2 + length_bytes + (masked ? 4 : 0);
}

// Writes frame_header_size() bytes, in the shortest form, and returns how many.
std::size_t write_frame_header(char* out, const FrameHeader& header);

// XORs `bytes` with the key, which masks and unmasks alike (RFC 6455 §5.3). bytes[0] meets key[0].
void apply_mask(std::span<char> bytes, MaskKey key);

// The key to go on with after `offset` bytes of the payload.
[[nodiscard]] constexpr MaskKey rotate_mask(MaskKey key, std::size_t offset) {
    return {key[offset % 4], key[(offset + 1) % 4], key[(offset + 2) % 4], key[(offset + 3) % 4]};
}

// Appends a whole frame; where the sink throws it has nothing of it. The payload must not lie in the sink. The caller
// keeps the rules of §5.4 and §5.5.
template <net::ByteSink Sink>
void append_frame(Sink& sink, Opcode opcode, std::string_view payload, bool fin = true,
                  std::optional<MaskKey> mask_key = std::nullopt, std::uint8_t reserved_bits = 0) {
    FrameHeader header{.payload_bytes = payload.size(),
                       .masked = mask_key.has_value(),
                       .fin = fin,
                       .opcode = opcode,
                       .reserved_bits = reserved_bits};
    if (mask_key) header.mask_key = *mask_key;
    const bool apart = net::HasAppend<Sink> && !mask_key && payload.size() > net::copied_bytes_max;
    const std::size_t room = frame_header_size(payload.size(), header.masked) + (apart ? 0 : payload.size());
    char* const out = sink.prepare(room);
    const std::size_t header_bytes = write_frame_header(out, header);
    if (apart) {
        sink.commit(header_bytes);
        return net::append(sink, payload);
    }
    if (!payload.empty()) std::memcpy(out + header_bytes, payload.data(), payload.size());
    if (mask_key) apply_mask({out + header_bytes, payload.size()}, *mask_key);
    sink.commit(header_bytes + payload.size());
}

}  // namespace stepwise::ws
