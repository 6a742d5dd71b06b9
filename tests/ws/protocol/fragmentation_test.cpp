#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

namespace {

std::string fragments(Role role, Opcode opcode, const std::vector<std::string>& parts) {
    std::string bytes;
    for (std::size_t index = 0; index < parts.size(); ++index) {
        bytes += frame_to(role, index == 0 ? opcode : Opcode::continuation, parts[index], index + 1 == parts.size());
    }
    return bytes;
}

}  // namespace

TEST_CASE("fragments become one message (RFC 6455 §5.4)") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        CHECK(events_of(role, fragments(role, Opcode::text, {"one ", "two ", "three"})) == "text(one two three)");
        CHECK(events_of(role, fragments(role, Opcode::binary, {"\xFF", "\xFE"})) == "binary(\xFF\xFE)");
        CHECK(events_of(role, fragments(role, Opcode::text, {"", "", ""})) == "text()");
        CHECK(events_of(role, fragments(role, Opcode::text, {"", "all", ""})) == "text(all)");
        CHECK(events_of(role, fragments(role, Opcode::text, {"", "", "last"})) == "text(last)");
        CHECK(events_of(role, fragments(role, Opcode::text, {"a", "b"}) +
                                  fragments(role, Opcode::binary, {"c", "d"})) == "text(ab) binary(cd)");
    }
}

TEST_CASE("a message is not given before its last fragment") {
    for (const Role role : both_roles) {
        CHECK(events_of(role, frame_to(role, Opcode::text, "first", false)).empty());
        CHECK(events_of(role, frame_to(role, Opcode::text, "", false)).empty());
    }
}

TEST_CASE("control frames between fragments come first and leave the message whole (RFC 6455 §5.4)") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        const std::string bytes = frame_to(role, Opcode::ping, "before") + frame_to(role, Opcode::text, "one ", false) +
                                  frame_to(role, Opcode::ping, "between") +
                                  frame_to(role, Opcode::continuation, "two ", false) +
                                  frame_to(role, Opcode::pong, "") + frame_to(role, Opcode::ping, "again") +
                                  frame_to(role, Opcode::continuation, "three") + frame_to(role, Opcode::ping, "after");
        CHECK(events_of(role, bytes) ==
              "ping(before) ping(between) pong() ping(again) text(one two three) ping(after)");
    }
}

TEST_CASE("a Close between fragments ends the connection and the unfinished message") {
    for (const Role role : both_roles) {
        const std::string bytes = frame_to(role, Opcode::text, "unfinished", false) + close_to(role, 1001, "leaving") +
                                  frame_to(role, Opcode::continuation, "too late");
        CHECK(events_of(role, bytes) == "close(1001 leaving)");
    }
}

TEST_CASE("a continuation without a beginning is refused (RFC 6455 §5.4)") {
    for (const Role role : both_roles) {
        for (const bool fin : {true, false}) {
            CHECK(events_of(role, frame_to(role, Opcode::continuation, "x", fin)) == "error(1002 RFC 6455 §5.4)");
        }
        CHECK(events_of(role, frame_to(role, Opcode::text, "whole") + frame_to(role, Opcode::continuation, "x")) ==
              "text(whole) error(1002 RFC 6455 §5.4)");
        CHECK(events_of(role, fragments(role, Opcode::text, {"a", "b"}) + frame_to(role, Opcode::continuation, "c")) ==
              "text(ab) error(1002 RFC 6455 §5.4)");
    }
}

TEST_CASE("a new message inside a fragmented one is refused (RFC 6455 §5.4)") {
    for (const Role role : both_roles) {
        for (const Opcode second : {Opcode::text, Opcode::binary}) {
            for (const bool fin : {true, false}) {
                const std::string bytes =
                    frame_to(role, Opcode::text, "first", false) + frame_to(role, second, "second", fin);
                CHECK(events_of(role, bytes) == "error(1002 RFC 6455 §5.4)");
                CHECK(error_of(role, bytes).message == "a new message began inside a fragmented one");
            }
        }
    }
}

TEST_CASE("65,536 fragments of one byte are one message") {
    for (const Role role : both_roles) {
        std::string expected;
        std::string bytes;
        for (unsigned index = 0; index < 65536; ++index) {
            const std::string part(1, static_cast<char>('a' + index % 26));
            expected += part;
            bytes += frame_to(role, index == 0 ? Opcode::text : Opcode::continuation, part, index == 65535);
        }
        expected = "text(" + expected + ")";
        const bool whole = events_of_pieces(role, {bytes}) == expected;
        CHECK(whole);
        std::vector<std::string_view> pieces;
        for (std::size_t at = 0; at < bytes.size(); at += 5) pieces.push_back(std::string_view(bytes).substr(at, 5));
        const bool in_pieces = events_of_pieces(role, pieces) == expected;
        CHECK(in_pieces);
    }
}
