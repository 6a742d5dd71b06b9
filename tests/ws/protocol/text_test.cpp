#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

TEST_CASE("text of every kind arrives unchanged, also when fragments cut its code points") {
    const std::string text = "ASCII, ünïcödé, 一步一步, 😀";
    for (const Role role : both_roles) {
        CHECK(events_of(role, frame_to(role, Opcode::text, text)) == "text(" + text + ")");
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            const std::string bytes = frame_to(role, Opcode::text, text.substr(0, cut), false) +
                                      frame_to(role, Opcode::ping, "!") +
                                      frame_to(role, Opcode::continuation, text.substr(cut));
            CHECK(events_of(role, bytes) == "ping(!) text(" + text + ")");
        }
    }
}

TEST_CASE("text that is not UTF-8 is refused with 1007 (RFC 6455 §8.1)") {
    for (const Role role : both_roles) {
        for (const std::string& text :
             {"\xFF"s, "\xC0\xAF"s, "\xED\xA0\x80"s, "\xF4\x90\x80\x80"s, "a\x80z"s, "\xE4\xB8"s, "cut \xF0\x9F\x98"s,
              std::string(100, 'x') + "\xFE" + std::string(100, 'x')}) {
            CAPTURE(text);
            CHECK(events_of(role, frame_to(role, Opcode::text, text)) == "error(1007 RFC 6455 §8.1)");
            CHECK(events_of(role, frame_to(role, Opcode::binary, text)) == "binary(" + text + ")");
        }
    }
}

TEST_CASE("a code point that is still open when the message ends is refused, wherever the fragments were cut") {
    for (const Role role : both_roles) {
        CHECK(events_of(role, frame_to(role, Opcode::text, "\xE4", false) +
                                  frame_to(role, Opcode::continuation, "\xB8")) == "error(1007 RFC 6455 §8.1)");
        CHECK(events_of(role, frame_to(role, Opcode::text, "\xE4", false) + frame_to(role, Opcode::continuation, "")) ==
              "error(1007 RFC 6455 §8.1)");
        CHECK(events_of(role, frame_to(role, Opcode::text, "\xE4", false) +
                                  frame_to(role, Opcode::continuation, "\xE4")) == "error(1007 RFC 6455 §8.1)");
    }
}

TEST_CASE("one text does not spoil the next") {
    for (const Role role : both_roles) {
        const std::string bytes = frame_to(role, Opcode::binary, "\xE4", false) +
                                  frame_to(role, Opcode::continuation, "\xB8") + frame_to(role, Opcode::text, "fine");
        CHECK(events_of(role, bytes) == "binary(\xE4\xB8) text(fine)");
    }
}

TEST_CASE("bad text is refused with its first bad byte, long before the frame or the message ends") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        const std::size_t header_bytes = frame_header_size(1000, role == Role::server);
        const std::string text = "good \xF4\x90" + std::string(993, 'x');
        REQUIRE(text.size() == 1000);
        CHECK(bytes_before_error(role, frame_to(role, Opcode::text, text)) == header_bytes + 6);
        CHECK(bytes_before_error(role, frame_to(role, Opcode::text, text, false)) == header_bytes + 6);
        CHECK(events_of(role, frame_to(role, Opcode::text, text).substr(0, header_bytes + 7)) ==
              "error(1007 RFC 6455 §8.1)");
        CHECK(events_of(role, frame_to(role, Opcode::text, text).substr(0, header_bytes + 6)).empty());
    }
}
