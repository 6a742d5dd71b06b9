// RFC 6455 §5.5.1, §7.4, §8.1, §10.4: what is in Close frames and texts, and how much of it.
#include <stepwise/tests/ws/conformance/cases.hpp>

#include <array>

namespace stepwise::ws::test {
namespace {

// The first and last characters of each length, and around what is left out.
const std::string valid_texts[] = {"\x00"s,
                                   "\x7F",
                                   "\xC2\x80",
                                   "\xDF\xBF",
                                   "\xE0\xA0\x80",
                                   "\xE0\xBF\xBF",
                                   "\xE1\x80\x80",
                                   "\xEC\xBF\xBF",
                                   "\xED\x80\x80",
                                   "\xED\x9F\xBF",
                                   "\xEE\x80\x80",
                                   "\xEF\xBB\xBF",
                                   "\xEF\xBF\xBD",
                                   "\xEF\xBF\xBE",
                                   "\xEF\xBF\xBF",
                                   "\xF0\x90\x80\x80",
                                   "\xF0\xBF\xBF\xBF",
                                   "\xF1\x80\x80\x80",
                                   "\xF3\xBF\xBF\xBF",
                                   "\xF4\x80\x80\x80",
                                   "\xF4\x8F\xBF\xBF",
                                   "gr\xC3\xBC\xC3\x9F",
                                   "\xE4\xBD\xA0\xE5\xA5\xBD",
                                   "\xF0\x9F\x8E\x88"};

struct BadText {
    std::string_view what;
    std::string bytes;
};

const BadText bad_texts[] = {
    {"a continuation byte alone", "\x80"},
    {"the last continuation byte alone", "\xBF"},
    {"two continuation bytes alone", "\x80\xBF"},
    {"a character and a continuation byte too many", "\xC3\xA9\xA9"},
    {"a lead of two bytes, then ASCII", "\xC3z"},
    {"a lead of three bytes, then ASCII", "\xE4z"},
    {"two bytes of three, then ASCII",
     "\xE4\xBD"
     "z"},
    {"a lead of four bytes, then ASCII", "\xF0z"},
    {"two bytes of four, then ASCII", "\xF0\x9Fz"},
    {"three bytes of four, then ASCII", "\xF0\x9F\x8Ez"},
    {"a lead behind a lead", "\xC3\xC3\xA9"},
    {"a slash in two bytes", "\xC0\xAF"},
    {"zero in two bytes", "\xC0\x80"},
    {"U+007F in two bytes", "\xC1\xBF"},
    {"a slash in three bytes", "\xE0\x80\xAF"},
    {"U+07FF in three bytes", "\xE0\x9F\xBF"},
    {"a slash in four bytes", "\xF0\x80\x80\xAF"},
    {"U+FFFF in four bytes", "\xF0\x8F\xBF\xBF"},
    {"the first surrogate", "\xED\xA0\x80"},
    {"the last high surrogate", "\xED\xAF\xBF"},
    {"the first low surrogate", "\xED\xB0\x80"},
    {"the last surrogate", "\xED\xBF\xBF"},
    {"a pair of surrogates", "\xED\xA0\xBD\xED\xB8\x80"},
    {"U+110000", "\xF4\x90\x80\x80"},
    {"U+13FFFF", "\xF4\xBF\xBF\xBF"},
    {"a lead beyond U+10FFFF", "\xF5\x80\x80\x80"},
    {"the lead F7", "\xF7\xBF\xBF\xBF"},
    {"a sequence of five bytes", "\xF8\x88\x80\x80\x80"},
    {"a sequence of six bytes", "\xFC\x84\x80\x80\x80\x80"},
    {"the byte FE", "\xFE"},
    {"the byte FF", "\xFF"},
    {"a Latin-1 text", "gr\xFC\xDF"},
};

// Half a character at the end.
const BadText cut_texts[] = {{"one byte of two", "a\xC3"},        {"one byte of three", "a\xE4"},
                             {"two bytes of three", "a\xE4\xBD"}, {"one byte of four", "a\xF0"},
                             {"two bytes of four", "a\xF0\x9F"},  {"three bytes of four", "a\xF0\x9F\x8E"}};

std::string in_two(Role role, std::string_view text, std::size_t cut) {
    return frame_to(role, Opcode::text, text.substr(0, cut), false) +
           frame_to(role, Opcode::continuation, text.substr(cut));
}

}  // namespace

void add_texts(Cases& cases, Role role) {
    const std::string refused = error(1007, "6455 §8.1");
    for (const std::string& text : valid_texts) {
        cases.push_back(
            {"6455 §8.1", "the text " + hex(text), frame_to(role, Opcode::text, text), "text(" + text + ")"});
        if (text.size() < 2) continue;
        cases.push_back({"6455 §8.1", "the text " + hex(text) + ", a byte in one fragment, the rest in another",
                         in_two(role, text, 1), "text(" + text + ")"});
    }
    for (const BadText& bad : bad_texts) {
        const std::string what(bad.what);
        cases.push_back({"6455 §8.1", "a text that is " + what, frame_to(role, Opcode::text, bad.bytes), refused});
        cases.push_back({"6455 §8.1", "a text with " + what + " behind a long valid part",
                         frame_to(role, Opcode::text, std::string(40, 'v') + bad.bytes), refused});
        cases.push_back(
            {"6455 §8.1", "a text with " + what + " over two fragments", in_two(role, bad.bytes, 1), refused});
        cases.push_back({"6455 §8.1", "a first fragment with " + what + ", and no more of it",
                         frame_to(role, Opcode::text, bad.bytes, false), refused});
        cases.push_back({"6455 §8.1", "a binary message that is " + what, frame_to(role, Opcode::binary, bad.bytes),
                         "binary(" + bad.bytes + ")"});
    }
    for (const BadText& cut : cut_texts) {
        const std::string what(cut.what);
        cases.push_back(
            {"6455 §8.1", "a text that ends with " + what, frame_to(role, Opcode::text, cut.bytes), refused});
        cases.push_back({"6455 §8.1", "a fragmented text that ends with " + what, in_two(role, cut.bytes, 1), refused});
        cases.push_back({"6455 §8.1", "a fragment that ends with " + what + " may be continued",
                         frame_to(role, Opcode::text, cut.bytes, false), ""});
    }
}

void add_closes(Cases& cases, Role role) {
    cases.push_back({"6455 §5.5.1", "a close without a code", frame_to(role, Opcode::close, ""), "close(1005)"});
    cases.push_back(
        {"6455 §5.5.1", "a close with one byte", frame_to(role, Opcode::close, "\x03"), error(1002, "6455 §5.5.1")});
    for (const unsigned code :
         {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4999}) {
        const std::string number = std::to_string(code);
        cases.push_back({"6455 §7.4", "a close with " + number, close_to(role, code), "close(" + number + ")"});
    }
    for (const unsigned code :
         {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 1999, 2000, 2999, 5000, 5001, 32768, 65535}) {
        const std::string number = std::to_string(code);
        cases.push_back({"6455 §7.4", "a close with " + number + ", which must not be sent", close_to(role, code),
                         error(1002, "6455 §7.4.1")});
        cases.push_back({"6455 §7.4", "a close with " + number + " and a reason", close_to(role, code, "why"),
                         error(1002, "6455 §7.4.1")});
    }
    for (const std::size_t size : {1, 2, 122, 123}) {
        const std::string reason(size, 'r');
        cases.push_back({"6455 §5.5.1", "a close with a reason of " + std::to_string(size) + " bytes",
                         close_to(role, 1000, reason), "close(1000 " + reason + ")"});
    }
    for (const std::string& text : valid_texts) {
        if (text[0] == '\0') continue;
        cases.push_back({"6455 §5.5.1", "a close with the reason " + hex(text), close_to(role, 1000, text),
                         "close(1000 " + text + ")"});
    }
    for (const BadText& bad : bad_texts) {
        cases.push_back({"6455 §5.5.1", "a close whose reason is " + std::string(bad.what),
                         close_to(role, 1000, bad.bytes), error(1007, "6455 §5.5.1")});
    }
    for (const BadText& cut : cut_texts) {
        cases.push_back({"6455 §5.5.1", "a close whose reason ends with " + std::string(cut.what),
                         close_to(role, 1000, cut.bytes), error(1007, "6455 §5.5.1")});
    }
    const std::string bye = close_to(role, 1000);
    for (const auto& [what, frame] : {std::pair{"a text"s, frame_to(role, Opcode::text, "late")},
                                      {"a ping"s, frame_to(role, Opcode::ping, "late")},
                                      {"a second close"s, close_to(role, 1001)},
                                      {"a broken frame"s, header_to(role, 0xFF, "\x00"s)},
                                      {"a continuation"s, frame_to(role, Opcode::continuation, "late")}}) {
        cases.push_back({"6455 §5.5.1", what + " behind a close is not looked at", bye + frame, "close(1000)"});
    }
    cases.push_back({"6455 §5.5.1", "a close between fragments ends the message, too",
                     frame_to(role, Opcode::text, "a", false) + bye + frame_to(role, Opcode::continuation, "b"),
                     "close(1000)"});
    cases.push_back(
        {"6455 §5.5.1", "a close behind a message", frame_to(role, Opcode::text, "a") + bye, "text(a) close(1000)"});
}

void add_limits(Cases& cases, Role role) {
    const std::string refused = error(1009, "6455 §10.4");
    const ProtocolOptions message_max{.message_bytes_max = 200};
    const ProtocolOptions frame_max{.message_bytes_max = 1000, .frame_bytes_max = 200};
    for (const Opcode opcode : {Opcode::text, Opcode::binary}) {
        const std::string kind = opcode_name(static_cast<unsigned>(opcode));
        const auto add = [&](const std::string& what, const std::string& bytes, const std::string& expected,
                             const ProtocolOptions& options) {
            cases.push_back({"6455 §10.4", kind + what, bytes, expected, options});
        };
        for (const std::size_t size : {199, 200, 201, 60000}) {
            const std::string payload(size, 'l');
            const std::string fits = kind + "(" + payload + ")";
            const std::string bytes = std::to_string(size) + " bytes";
            add(" of " + bytes + " where messages have at most 200", frame_to(role, opcode, payload),
                size <= 200 ? fits : refused, message_max);
            add(" of " + bytes + " in fragments where messages have at most 200",
                frame_to(role, opcode, payload.substr(0, 100), false) +
                    frame_to(role, Opcode::continuation, payload.substr(100)),
                size <= 200 ? fits : refused, message_max);
            add(" of " + bytes + " where frames have at most 200", frame_to(role, opcode, payload),
                size <= 200 ? fits : refused, frame_max);
        }
        add(" of 400 bytes in two fragments where frames have at most 200",
            frame_to(role, opcode, std::string(200, 'f'), false) +
                frame_to(role, Opcode::continuation, std::string(200, 'f')),
            kind + "(" + std::string(400, 'f') + ")", frame_max);
        add(" announced with 2^63 - 1 bytes",
            header_to(role, opcode == Opcode::text ? 0x81 : 0x82, "\x7F\x7F"s + std::string(7, '\xFF')), refused,
            message_max);
        add(" of nothing where nothing may come", frame_to(role, opcode, ""), kind + "()", {.message_bytes_max = 0});
        add(" of a byte where nothing may come", frame_to(role, opcode, "x"), refused, {.message_bytes_max = 0});
    }
    cases.push_back({"6455 §10.4", "a ping is no part of a message at its limit",
                     frame_to(role, Opcode::text, std::string(200, 'm'), false) +
                         frame_to(role, Opcode::ping, std::string(125, 'p')) + frame_to(role, Opcode::continuation, ""),
                     "ping(" + std::string(125, 'p') + ") text(" + std::string(200, 'm') + ")", message_max});
}

}  // namespace stepwise::ws::test
