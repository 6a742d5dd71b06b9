#include <fmt/format.h>

#include <bit>
#include <stepwise/ws/close_code.hpp>
#include <stepwise/ws/frame.hpp>
#include <utility>

namespace stepwise::ws {
namespace {

constexpr unsigned char fin_bit = 0x80;
constexpr unsigned char mask_bit = 0x80;
constexpr unsigned char length_in_2_bytes = 126;
constexpr unsigned char length_in_8_bytes = 127;

// Four words that the compiler handles as one, in a vector register where there is one. Loaded and stored through
// memcpy, since payloads lie at any address.
using Block [[gnu::vector_size(16)]] = std::uint32_t;

Block load(const char* at) {
    Block block;
    std::memcpy(&block, at, sizeof block);
    return block;
}

void store(char* at, Block block) {
    std::memcpy(at, &block, sizeof block);
}

template <class Integer>
Integer read_big_endian(const char* bytes) {
    unsigned char raw[sizeof(Integer)];
    std::memcpy(raw, bytes, sizeof raw);
    Integer value = 0;
    for (const unsigned char byte : raw) value = static_cast<Integer>(value << 8 | byte);
    return value;
}

template <class Integer>
char* write_big_endian(char* out, Integer value) {
    for (std::size_t left = sizeof(Integer); left-- > 0;) *out++ = static_cast<char>(value >> (8 * left) & 0xFF);
    return out;
}

bool is_reserved(Opcode opcode) {
    constexpr unsigned known = 1U << 0x0 | 1U << 0x1 | 1U << 0x2 | 1U << 0x8 | 1U << 0x9 | 1U << 0xA;
    return (known >> static_cast<unsigned>(opcode) & 1U) == 0;
}

// Kept out of line, so that the path without errors stays short.
[[gnu::cold, gnu::noinline]] net::ProtocolError broken(std::string_view section, std::string message) {
    return {static_cast<int>(CloseCode::protocol_error), section, std::move(message)};
}

[[gnu::cold, gnu::noinline]] net::ProtocolError broken_first_byte(unsigned first, bool bad_bits) {
    const unsigned opcode = first & 0xF;
    if (bad_bits) {
        return broken("RFC 6455 §5.2",
                      fmt::format("reserved bits {:03b} are set, but no extension uses them", first >> 4 & 0x7));
    }
    if (is_reserved(static_cast<Opcode>(opcode))) {
        return broken("RFC 6455 §5.2", fmt::format("opcode 0x{:X} is reserved", opcode));
    }
    return broken("RFC 6455 §5.5", fmt::format("a control frame (opcode 0x{:X}) is fragmented", opcode));
}

[[gnu::cold, gnu::noinline]] net::ProtocolError broken_mask(Role receiver) {
    return receiver == Role::server ? broken("RFC 6455 §5.1", "a frame from the client is not masked")
                                    : broken("RFC 6455 §5.1", "a frame from the server is masked");
}

[[gnu::cold, gnu::noinline]] net::ProtocolError broken_length(std::uint64_t length) {
    if (length >> 63 != 0) return broken("RFC 6455 §5.2", "the highest bit of a 64-bit length is set");
    return broken("RFC 6455 §5.2", fmt::format("a length of {} is not in its shortest form", length));
}

}  // namespace

FrameHeaderResult parse_frame_header(std::span<const char> bytes, Role receiver, std::uint8_t allowed_reserved_bits) {
    if (bytes.empty()) return NeedMore{};
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto opcode = static_cast<Opcode>(first & 0xF);
    const bool fin = (first & fin_bit) != 0;
    const auto reserved_bits = static_cast<std::uint8_t>(first >> 4 & 0x7);
    const bool bad_bits = (reserved_bits & ~allowed_reserved_bits) != 0;
    if (bad_bits || is_reserved(opcode) || (is_control(opcode) && !fin)) return broken_first_byte(first, bad_bits);
    if (bytes.size() < 2) return NeedMore{};
    const auto second = static_cast<unsigned char>(bytes[1]);
    const bool masked = (second & mask_bit) != 0;
    if (masked != (receiver == Role::server)) return broken_mask(receiver);
    std::uint64_t payload_bytes = second & 0x7F;
    std::size_t size = 2;
    if (payload_bytes >= length_in_2_bytes) {
        if (is_control(opcode)) return broken("RFC 6455 §5.5", "a control frame has more than 125 bytes");
        const bool long_form = payload_bytes == length_in_8_bytes;
        size = long_form ? 10 : 4;
        if (bytes.size() < size) return NeedMore{};
        payload_bytes =
            long_form ? read_big_endian<std::uint64_t>(&bytes[2]) : read_big_endian<std::uint16_t>(&bytes[2]);
        const std::uint64_t shortest = long_form ? 0x10000 : 126;
        if (payload_bytes < shortest || payload_bytes >> 63 != 0) return broken_length(payload_bytes);
    }
    MaskKey mask_key{};
    if (masked) {
        if (bytes.size() < size + 4) return NeedMore{};
        std::memcpy(mask_key.data(), &bytes[size], 4);
        size += 4;
    }
    return FrameHeader{.payload_bytes = payload_bytes,
                       .mask_key = mask_key,
                       .masked = masked,
                       .fin = fin,
                       .opcode = opcode,
                       .reserved_bits = reserved_bits,
                       .header_bytes = static_cast<std::uint8_t>(size)};
}

std::size_t write_frame_header(char* out, const FrameHeader& header) {
    char* at = out;
    *at++ = static_cast<char>((header.fin ? fin_bit : 0) | header.reserved_bits << 4 |
                              static_cast<unsigned char>(header.opcode));
    const unsigned char mask = header.masked ? mask_bit : 0;
    if (header.payload_bytes <= 125) {
        *at++ = static_cast<char>(mask | header.payload_bytes);
    } else if (header.payload_bytes <= 0xFFFF) {
        *at++ = static_cast<char>(mask | length_in_2_bytes);
        at = write_big_endian(at, static_cast<std::uint16_t>(header.payload_bytes));
    } else {
        *at++ = static_cast<char>(mask | length_in_8_bytes);
        at = write_big_endian(at, header.payload_bytes);
    }
    if (header.masked) {
        std::memcpy(at, header.mask_key.data(), 4);
        at += 4;
    }
    return static_cast<std::size_t>(at - out);
}

void apply_mask(std::span<char> bytes, MaskKey key) {
    const auto key_4 = std::bit_cast<std::uint32_t>(key);
    const Block key_16{key_4, key_4, key_4, key_4};
    char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 4 * sizeof(Block); at += 4 * sizeof(Block), left -= 4 * sizeof(Block)) {
        const Block first = load(at) ^ key_16;
        const Block second = load(at + 16) ^ key_16;
        const Block third = load(at + 32) ^ key_16;
        const Block fourth = load(at + 48) ^ key_16;
        store(at, first);
        store(at + 16, second);
        store(at + 32, third);
        store(at + 48, fourth);
    }
    for (; left >= sizeof(Block); at += sizeof(Block), left -= sizeof(Block)) store(at, load(at) ^ key_16);
    if (left >= 8) {
        const std::uint64_t key_8 = static_cast<std::uint64_t>(key_4) << 32 | key_4;
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        word ^= key_8;
        std::memcpy(at, &word, 8);
        at += 8;
        left -= 8;
    }
    for (std::size_t index = 0; index < left; ++index) at[index] = static_cast<char>(at[index] ^ key[index % 4]);
}

}  // namespace stepwise::ws
