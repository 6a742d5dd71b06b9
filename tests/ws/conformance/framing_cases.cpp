// RFC 6455 §5: headers, masks, lengths, fragments, control frames.
#include <stepwise/tests/ws/conformance/cases.hpp>

namespace stepwise::ws::test {
namespace {

constexpr std::string_view section_5_2 = "6455 §5.2";

std::string raw_frame(Role role, unsigned first, std::string_view payload) {
    std::string bytes = frame_to(role, Opcode::text, payload);
    bytes[0] = static_cast<char>(first);
    return bytes;
}

void add_reserved_opcodes(Cases& cases, Role role) {
    for (const unsigned opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
        for (const bool fin : {true, false}) {
            const std::string name = opcode_name(opcode) + (fin ? ", final" : ", not final");
            cases.push_back({"6455 §5.2", "reserved " + name, raw_frame(role, opcode | (fin ? 0x80U : 0U), ""),
                             error(1002, section_5_2)});
        }
        cases.push_back({"6455 §5.2", "reserved " + opcode_name(opcode) + " inside a fragmented message",
                         frame_to(role, Opcode::text, "a", false) + raw_frame(role, opcode | 0x80, "b"),
                         error(1002, section_5_2)});
    }
}

void add_reserved_bits(Cases& cases, Role role) {
    for (const unsigned opcode : {0, 1, 2, 8, 9, 10}) {
        for (unsigned bits = 1; bits < 8; ++bits) {
            cases.push_back({"6455 §5.2", "RSV " + std::to_string(bits) + " in a " + opcode_name(opcode) + " frame",
                             raw_frame(role, 0x80 | bits << 4 | opcode, ""), error(1002, section_5_2)});
        }
    }
}

void add_masks(Cases& cases, Role role) {
    const Role wrong = role == Role::server ? Role::client : Role::server;
    for (const unsigned opcode : {0, 1, 2, 8, 9, 10}) {
        cases.push_back({"6455 §5.1", opcode_name(opcode) + (role == Role::server ? " without a mask" : " with a mask"),
                         raw_frame(wrong, 0x80 | opcode, ""), error(1002, "6455 §5.1")});
    }
    if (role == Role::client) return;
    for (const MaskKey key : {MaskKey{0, 0, 0, 0}, MaskKey{255, 255, 255, 255}, MaskKey{1, 0, 0, 0},
                              MaskKey{0, 0, 0, 1}, MaskKey{0x61, 0x62, 0x63, 0x64}}) {
        for (const std::size_t size : {1, 4, 7, 33}) {
            std::string bytes;
            net::StringSink sink(bytes);
            const std::string payload(size, 'a');
            append_frame(sink, Opcode::text, payload, true, key);
            const std::string_view key_bytes(reinterpret_cast<const char*>(key.data()), key.size());
            cases.push_back({"6455 §5.3", std::to_string(size) + " bytes masked with " + hex(key_bytes), bytes,
                             "text(" + payload + ")"});
        }
    }
}

}  // namespace

void add_framing(Cases& cases, Role role) {
    add_reserved_opcodes(cases, role);
    add_reserved_bits(cases, role);
    add_masks(cases, role);
}

void add_lengths(Cases& cases, Role role) {
    for (const Opcode opcode : {Opcode::text, Opcode::binary}) {
        const std::string kind = opcode_name(static_cast<unsigned>(opcode));
        for (const std::size_t size : {0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 1000, 65535, 65536}) {
            const std::string payload(size, 'p');
            cases.push_back({"6455 §5.2", kind + " of " + std::to_string(size) + " bytes",
                             frame_to(role, opcode, payload), kind + "(" + payload + ")"});
        }
        const unsigned char first = opcode == Opcode::text ? 0x81 : 0x82;
        for (const auto& [name, form] : {std::pair{"0 in two bytes", "\x7E\x00\x00"s},
                                         {"1 in two bytes", "\x7E\x00\x01"s},
                                         {"125 in two bytes", "\x7E\x00\x7D"s},
                                         {"0 in eight bytes", "\x7F\x00\x00\x00\x00\x00\x00\x00\x00"s},
                                         {"125 in eight bytes", "\x7F\x00\x00\x00\x00\x00\x00\x00\x7D"s},
                                         {"126 in eight bytes", "\x7F\x00\x00\x00\x00\x00\x00\x00\x7E"s},
                                         {"65535 in eight bytes", "\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF"s},
                                         {"2^63 in eight bytes", "\x7F\x80\x00\x00\x00\x00\x00\x00\x00"s},
                                         {"2^64 - 1 in eight bytes", "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s}}) {
            cases.push_back({"6455 §5.2", kind + " with a length of " + name, header_to(role, first, form),
                             error(1002, section_5_2)});
        }
        cases.push_back({"6455 §5.2", kind + ", of which only the header and a byte come",
                         frame_to(role, opcode, "abc").substr(0, role == Role::server ? 7 : 3), ""});
        cases.push_back({"6455 §5.2", kind + " messages, three in a row",
                         frame_to(role, opcode, "a") + frame_to(role, opcode, "") + frame_to(role, opcode, "c"),
                         kind + "(a) " + kind + "() " + kind + "(c)"});
    }
}

namespace {

void add_broken_order(Cases& cases, Role role) {
    for (const bool fin : {true, false}) {
        const std::string last = fin ? ", final" : ", not final";
        const std::string lonely = frame_to(role, Opcode::continuation, "x", fin);
        cases.push_back({"6455 §5.4", "a continuation of nothing" + last, lonely, error(1002, "6455 §5.4")});
        cases.push_back({"6455 §5.4", "a continuation behind a whole message" + last,
                         frame_to(role, Opcode::text, "a") + lonely, "text(a) " + error(1002, "6455 §5.4")});
        cases.push_back({"6455 §5.4", "a continuation behind a fragmented message" + last,
                         frame_to(role, Opcode::text, "a", false) + frame_to(role, Opcode::continuation, "b") + lonely,
                         "text(ab) " + error(1002, "6455 §5.4")});
        for (const Opcode outer : {Opcode::text, Opcode::binary}) {
            for (const Opcode inner : {Opcode::text, Opcode::binary}) {
                cases.push_back({"6455 §5.4",
                                 opcode_name(static_cast<unsigned>(inner)) + last + ", inside a fragmented " +
                                     opcode_name(static_cast<unsigned>(outer)),
                                 frame_to(role, outer, "a", false) + frame_to(role, inner, "b", fin),
                                 error(1002, "6455 §5.4")});
            }
        }
    }
}

}  // namespace

void add_fragments(Cases& cases, Role role) {
    add_broken_order(cases, role);
    for (const Opcode opcode : {Opcode::text, Opcode::binary}) {
        const std::string kind = opcode_name(static_cast<unsigned>(opcode));
        for (const int count : {2, 3, 4, 8, 16}) {
            std::string bytes;
            std::string whole;
            for (int number = 0; number < count; ++number) {
                const std::string part(1, static_cast<char>('a' + number));
                bytes += frame_to(role, number == 0 ? opcode : Opcode::continuation, part, number == count - 1);
                whole += part;
            }
            cases.push_back(
                {"6455 §5.4", kind + " in " + std::to_string(count) + " fragments", bytes, kind + "(" + whole + ")"});
        }
        for (const auto& [name, parts] : {std::pair{"first", std::vector{""s, "b"s, "c"s}},
                                          {"middle", {"a"s, ""s, "c"s}},
                                          {"last", {"a"s, "b"s, ""s}},
                                          {"every", {""s, ""s, ""s}}}) {
            cases.push_back({"6455 §5.4", kind + " whose " + name + " fragment is empty",
                             frame_to(role, opcode, parts[0], false) +
                                 frame_to(role, Opcode::continuation, parts[1], false) +
                                 frame_to(role, Opcode::continuation, parts[2]),
                             kind + "(" + parts[0] + parts[1] + parts[2] + ")"});
        }
        cases.push_back({"6455 §5.4", kind + " that never ends", frame_to(role, opcode, "a", false), ""});
    }
}

void add_control_frames(Cases& cases, Role role) {
    for (const Opcode opcode : {Opcode::ping, Opcode::pong}) {
        const std::string kind = opcode_name(static_cast<unsigned>(opcode));
        for (const std::size_t size : {0, 1, 4, 124, 125}) {
            const std::string payload(size, '\xFE');
            const std::string event = kind + "(" + payload + ")";
            const std::string frame = frame_to(role, opcode, payload);
            const std::string of_size = kind + " of " + std::to_string(size) + " bytes";
            cases.push_back({"6455 §5.5", of_size, frame, event});
            cases.push_back(
                {"6455 §5.4", of_size + " between fragments",
                 frame_to(role, Opcode::text, "a", false) + frame + frame_to(role, Opcode::continuation, "b"),
                 event + " text(ab)"});
        }
        cases.push_back({"6455 §5.5", "ten " + kind + "s in a row, each with its own payload",
                         [&] {
                             std::string bytes;
                             for (char c = '0'; c <= '9'; ++c) bytes += frame_to(role, opcode, std::string(1, c));
                             return bytes;
                         }(),
                         [&] {
                             std::string events;
                             for (char c = '0'; c <= '9'; ++c) {
                                 events += (events.empty() ? "" : " ") + kind + "(" + std::string(1, c) + ")";
                             }
                             return events;
                         }()});
        cases.push_back({"6455 §5.4", kind + " before, between and behind two fragments",
                         frame_to(role, opcode, "1") + frame_to(role, Opcode::binary, "a", false) +
                             frame_to(role, opcode, "2") + frame_to(role, Opcode::continuation, "b") +
                             frame_to(role, opcode, "3"),
                         kind + "(1) " + kind + "(2) binary(ab) " + kind + "(3)"});
    }
    for (const unsigned opcode : {8, 9, 10}) {
        const std::string kind = opcode_name(opcode);
        const auto first = static_cast<unsigned char>(0x80 | opcode);
        cases.push_back(
            {"6455 §5.5", kind + " of 126 bytes", header_to(role, first, "\x7E\x00\x7E"s), error(1002, "6455 §5.5")});
        cases.push_back({"6455 §5.5", kind + " of 65536 bytes",
                         header_to(role, first, "\x7F\x00\x00\x00\x00\x00\x01\x00\x00"s), error(1002, "6455 §5.5")});
        cases.push_back(
            {"6455 §5.5", kind + " that is fragmented", raw_frame(role, opcode, "a"), error(1002, "6455 §5.5")});
        cases.push_back({"6455 §5.5", kind + " that is fragmented, inside a fragmented message",
                         frame_to(role, Opcode::text, "a", false) + raw_frame(role, opcode, "b"),
                         error(1002, "6455 §5.5")});
    }
}

}  // namespace stepwise::ws::test
