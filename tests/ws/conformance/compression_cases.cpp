// RFC 7692 §6 and §7.2: compressed messages.
#include <stepwise/tests/ws/conformance/cases.hpp>

namespace stepwise::ws::test {
namespace {

constexpr CompressionTerms takeover{};
constexpr CompressionTerms no_takeover{.server_no_context_takeover = true, .client_no_context_takeover = true};

const std::string hello = "\xF2\x48\xCD\xC9\xC9\x07\x00"s;
const std::string hello_again = "\xF2\x00\x11\x00\x00"s;
const std::string final_hello = "\xF3\x48\xCD\xC9\xC9\x07\x00"s;

Role other(Role role) {
    return role == Role::server ? Role::client : Role::server;
}

std::string packed_to(Role role, Opcode opcode, std::string_view payload, bool fin = true) {
    std::string bytes = frame_to(role, opcode, payload, fin);
    bytes[0] = static_cast<char>(bytes[0] | 0x40);
    return bytes;
}

struct Payload {
    std::string_view what;
    std::string bytes;
    std::string text;  // of good ones
};

const Payload good_payloads[] = {
    {"a fixed block", hello, "Hello"},
    {"a stored block", "\x00\x05\x00\xFA\xFFHello\x00"s, "Hello"},
    {"a final block, padded as §7.2.3.4 says", final_hello + "\x00"s, "Hello"},
    {"a final block and nothing behind it", final_hello, "Hello"},
    {"a final block and another behind it", final_hello + hello, "HelloHello"},
    {"a block that refers to a final one before it", final_hello + hello_again, "HelloHello"},
    {"two blocks with a flush between", "\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00"s, "Hello"},
    {"an empty block", "\x00"s, ""},
    {"empty blocks before the message", "\x00\x00\x00\xFF\xFF\x00\x00\x00\xFF\xFF"s + hello, "Hello"},
};

const Payload bad_payloads[] = {
    {"nothing at all", "", ""},
    {"half a block", hello.substr(0, 3), ""},
    {"a block without its end", hello.substr(0, 5), ""},
    {"a block of the reserved type", "\x06"s, ""},
    {"a final block of the reserved type", "\x07"s, ""},
    {"a stored block whose length is not its complement", "\x00\x05\x00\xFA\xFEHello\x00"s, ""},
    {"a stored block shorter than it says", "\x00\x14\x00\xEB\xFFHello"s, ""},
    {"a distance to before the message", "\x4A\x04\xDE\xFF\x0F\x00"s, ""},
    {"noise", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s, ""},
    {"plain text", "Hello, not compressed", ""},
};

void add_payloads(Cases& cases, Role role) {
    for (const Payload& good : good_payloads) {
        const std::string what(good.what);
        const std::string text = "text(" + good.text + ")";
        cases.push_back({"7692 §7.2.2", what, packed_to(role, Opcode::text, good.bytes), text, {}, takeover});
        cases.push_back({"7692 §7.2.2",
                         what + ", without context takeover",
                         packed_to(role, Opcode::text, good.bytes),
                         text,
                         {},
                         no_takeover});
        cases.push_back({"7692 §6.1",
                         what + ", in fragments of a byte, and pings between",
                         [&] {
                             std::string bytes = packed_to(role, Opcode::text, "", false);
                             for (const char byte : good.bytes) {
                                 bytes += frame_to(role, Opcode::continuation, std::string(1, byte), false);
                             }
                             return bytes + frame_to(role, Opcode::ping, "") + frame_to(role, Opcode::continuation, "");
                         }(),
                         "ping() " + text,
                         {},
                         takeover});
        cases.push_back({"7692 §7.2.2",
                         what + ", twice",
                         packed_to(role, Opcode::text, good.bytes) + packed_to(role, Opcode::text, good.bytes),
                         text + " " + text,
                         {},
                         takeover});
    }
    for (const Payload& bad : bad_payloads) {
        for (const CompressionTerms& terms : {takeover, no_takeover}) {
            const std::string keeps = terms == takeover ? "" : ", without context takeover";
            cases.push_back({"7692 §7.2.2",
                             std::string(bad.what) + keeps,
                             packed_to(role, Opcode::binary, bad.bytes),
                             error(1007, "7692 §7.2.2"),
                             {},
                             terms});
            cases.push_back({"7692 §7.2.2",
                             std::string(bad.what) + " behind a good message" + keeps,
                             packed_to(role, Opcode::binary, hello) + packed_to(role, Opcode::binary, bad.bytes),
                             "binary(Hello) " + error(1007, "7692 §7.2.2"),
                             {},
                             terms});
        }
    }
}

void add_bits(Cases& cases, Role role) {
    const std::string refused = error(1002, "7692 §6.1");
    for (const unsigned opcode : {8, 9, 10}) {
        const std::string frame = packed_to(role, static_cast<Opcode>(opcode), "");
        cases.push_back({"7692 §6.1", "RSV1 in a " + opcode_name(opcode), frame, refused, {}, takeover});
        cases.push_back({"7692 §6.1",
                         "RSV1 in a " + opcode_name(opcode) + " between fragments",
                         packed_to(role, Opcode::text, hello.substr(0, 2), false) + frame,
                         refused,
                         {},
                         takeover});
    }
    for (const bool packed : {false, true}) {
        for (const bool fin : {false, true}) {
            const std::string start = packed ? packed_to(role, Opcode::text, hello.substr(0, 2), false)
                                             : frame_to(role, Opcode::text, "a", false);
            cases.push_back({"7692 §6.1",
                             std::string("RSV1 in a ") + (fin ? "last" : "middle") + " fragment of a " +
                                 (packed ? "compressed" : "plain") + " message",
                             start + packed_to(role, Opcode::continuation, hello.substr(2), fin),
                             refused,
                             {},
                             takeover});
        }
    }
    for (const unsigned bits : {1, 2, 3, 5, 6, 7}) {
        for (const unsigned opcode : {1, 2}) {
            const auto first = static_cast<unsigned char>(0x80 | bits << 4 | opcode);
            cases.push_back({"6455 §5.2",
                             "RSV " + std::to_string(bits) + " in a " + opcode_name(opcode) +
                                 " where only compression is agreed on",
                             header_to(role, first, "\x00"s),
                             error(1002, "6455 §5.2"),
                             {},
                             takeover});
        }
    }
    cases.push_back({"7692 §6",
                     "plain and compressed messages in turn",
                     frame_to(role, Opcode::text, "a") + packed_to(role, Opcode::text, hello) +
                         frame_to(role, Opcode::text, "b") + packed_to(role, Opcode::text, hello_again),
                     "text(a) text(Hello) text(b) text(Hello)",
                     {},
                     takeover});
    cases.push_back({"7692 §7.1.1",
                     "a message that refers to the one before, where that was ruled out",
                     packed_to(role, Opcode::text, hello) + packed_to(role, Opcode::text, hello_again),
                     "text(Hello) " + error(1007, "7692 §7.2.2"),
                     {},
                     no_takeover});
}

// A text with much that comes again, in which every distance up to its size is used.
std::string repetitive(std::size_t size) {
    std::string text;
    for (unsigned state = 1; text.size() < size;) {
        state = state * 1103515245 + 12345;
        const std::size_t back = state >> 8;
        if (text.size() > 50 && state >> 30 != 0) {
            text += text.substr(back % (text.size() - 20), 4 + back % 16);
        } else {
            text += static_cast<char>('a' + back % 24);
        }
    }
    text.resize(size);
    return text;
}

std::string sent(Role sender, const CompressionTerms& terms, std::string_view text, int count) {
    Protocol protocol(sender, {.compression = {.message_bytes_min = 1}}, fixed_mask_keys(), terms);
    std::string bytes;
    net::StringSink sink(bytes);
    for (int number = 0; number < count; ++number) static_cast<void>(protocol.send_text(sink, text));
    return bytes;
}

void add_windows(Cases& cases, Role role) {
    const std::string text = repetitive(3000);
    for (std::uint8_t bits = 8; bits <= 15; ++bits) {
        for (const bool forgets : {false, true}) {
            const CompressionTerms terms{.server_no_context_takeover = forgets,
                                         .client_no_context_takeover = forgets,
                                         .server_max_window_bits = bits,
                                         .client_max_window_bits = bits};
            const std::string window =
                "a window of " + std::to_string(bits) + " bits" + (forgets ? ", without context takeover" : "");
            const std::string event = "text(" + text + ")";
            cases.push_back({"7692 §7.1.2",
                             "three messages in " + window,
                             sent(other(role), terms, text, 3),
                             event + " " + event + " " + event,
                             {},
                             terms});
            CompressionTerms wider = terms;
            wider.server_max_window_bits = wider.client_max_window_bits = 15;
            cases.push_back({"7692 §7.1.2",
                             "a message in " + window + " where a wider one was agreed on",
                             sent(other(role), terms, text, 1),
                             event,
                             {},
                             wider});
        }
    }
}

}  // namespace

void add_compression(Cases& cases, Role role) {
    add_payloads(cases, role);
    add_bits(cases, role);
    add_windows(cases, role);
    const std::string zeros(100'000, '\0');
    const std::string bomb = sent(other(role), no_takeover, zeros, 1);
    for (const std::size_t bytes_max : {std::size_t{0}, std::size_t{1000}, zeros.size() - 1}) {
        cases.push_back({"6455 §10.4",
                         "100,000 zeros in a few bytes where at most " + std::to_string(bytes_max) + " may come",
                         bomb,
                         error(1009, "6455 §10.4"),
                         {.message_bytes_max = bytes_max},
                         no_takeover});
    }
    cases.push_back({"6455 §10.4",
                     "100,000 zeros in a few bytes where as many may come",
                     bomb,
                     "text(" + zeros + ")",
                     {.message_bytes_max = zeros.size()},
                     no_takeover});
    for (const std::string& text : {"\xC3"s, "\xFF"s, "ab\xED\xA0\x80"s, "\xC0\xAF"s}) {
        cases.push_back({"6455 §8.1",
                         "a compressed text that is " + hex(text),
                         sent(other(role), takeover, text, 1),
                         error(1007, "6455 §8.1"),
                         {},
                         takeover});
    }
}

}  // namespace stepwise::ws::test
