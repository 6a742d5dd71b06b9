// The conformance suite's table: what each end must make of what a peer sends, case by case, named by the section of
// the RFC that says so. Tables make them; each has a name of its own, and one outcome.
#pragma once

#include <stepwise/tests/ws/protocol/support.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::ws::test {

struct Case {
    std::string section;   // "6455 §5.2"
    std::string name;      // what the peer does
    std::string bytes;     // that it sends
    std::string expected;  // events as describe() tells them, up to an error
    ProtocolOptions options{};
    std::optional<CompressionTerms> terms{};
};

using Cases = std::vector<Case>;

// Each appends its part of the table of one end.
void add_framing(Cases& cases, Role role);
void add_lengths(Cases& cases, Role role);
void add_fragments(Cases& cases, Role role);
void add_control_frames(Cases& cases, Role role);
void add_texts(Cases& cases, Role role);
void add_closes(Cases& cases, Role role);
void add_limits(Cases& cases, Role role);
void add_compression(Cases& cases, Role role);
// `bytes` begin with a request or a response, and the outcome with what becomes of it.
void add_handshakes(Cases& cases, Role role);

// The outcome of such bytes, cut like this: "101 …events", "400 RFC 6455 §4.2.1".
std::string outcome_of_opening(Role role, const Pieces& pieces);

inline std::string error(int code, std::string_view section) {
    return "error(" + std::to_string(code) + " RFC " + std::string(section) + ")";
}

// "C3 A9"
inline std::string hex(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        constexpr std::string_view digits = "0123456789ABCDEF";
        const auto value = static_cast<unsigned char>(byte);
        text += text.empty() ? "" : " ";
        text += {digits[value >> 4], digits[value & 0xF]};
    }
    return text;
}

inline std::string opcode_name(unsigned opcode) {
    constexpr std::string_view names[] = {"continuation", "text", "binary"};
    constexpr std::string_view control[] = {"close", "ping", "pong"};
    if (opcode <= 2) return std::string(names[opcode]);
    if (opcode >= 8 && opcode <= 10) return std::string(control[opcode - 8]);
    return "opcode " + hex(std::string(1, static_cast<char>(opcode)));
}

}  // namespace stepwise::ws::test
