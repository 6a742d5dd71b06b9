#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

namespace {

// The 7-bit length and what follows, for a length that needs no more than `bytes` of them (0, 2 or 8).
std::string length_form(unsigned bytes, std::uint64_t length) {
    if (bytes == 0) return {static_cast<char>(length)};
    std::string form(1, bytes == 2 ? '\x7E' : '\x7F');
    while (bytes-- > 0) form += static_cast<char>(length >> (8 * bytes) & 0xFF);
    return form;
}

// Only for payloads of zeros and a client, or for headers that are refused.
std::string zeros_frame(Role role, unsigned char first_byte, unsigned length_bytes, std::size_t length) {
    return header_to(role, first_byte, length_form(length_bytes, length)) + std::string(length, '\0');
}

constexpr unsigned char unmasked_opcodes[] = {0x81, 0x82, 0x88, 0x89, 0x8A};

}  // namespace

TEST_CASE("the frames of RFC 6455 §5.7 give the messages of RFC 6455 §5.7") {
    CHECK(events_of(Role::client, "\x81\x05Hello"s) == "text(Hello)");
    CHECK(events_of(Role::server, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s) == "text(Hello)");
    CHECK(events_of(Role::client, "\x01\x03Hel\x80\x02lo"s) == "text(Hello)");
    CHECK(events_of(Role::client, "\x89\x05Hello"s) == "ping(Hello)");
    CHECK(events_of(Role::server, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s) == "pong(Hello)");
}

TEST_CASE("frames in a row give events in their order") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        const std::string bytes = frame_to(role, Opcode::text, "one") + frame_to(role, Opcode::ping, "p") +
                                  frame_to(role, Opcode::binary, "\x01\xFF"s) + frame_to(role, Opcode::pong, "") +
                                  frame_to(role, Opcode::text, "");
        CHECK(events_of(role, bytes) == "text(one) ping(p) binary(\x01\xFF) pong() text()");
    }
}

TEST_CASE("a payload that looks like a frame is a payload, wherever it is cut") {
    const Role role = Role::client;  // no mask hides what the payload looks like
    const std::string inner = frame_to(role, Opcode::text, "inner");
    CHECK(events_of(role, frame_to(role, Opcode::ping, inner)) == "ping(" + inner + ")");
    CHECK(events_of(role, frame_to(role, Opcode::binary, inner)) == "binary(" + inner + ")");
    CHECK(events_of(role, frame_to(role, Opcode::binary, inner, false) + frame_to(role, Opcode::ping, inner) +
                              frame_to(role, Opcode::continuation, inner)) ==
          "ping(" + inner + ") binary(" + inner + inner + ")");
}

TEST_CASE("payloads of every length form arrive whole (RFC 6455 §5.2)") {
    for (const Role role : both_roles) {
        for (const std::size_t size : {0U, 1U, 124U, 125U, 126U, 127U, 128U, 255U, 256U, 65535U, 65536U, 65537U}) {
            CAPTURE(role_name(role));
            CAPTURE(size);
            std::string payload;
            for (std::size_t at = 0; at < size; ++at) payload += static_cast<char>(at * 31 + at / 256);
            const bool as_expected =
                events_of(role, frame_to(role, Opcode::binary, payload)) == "binary(" + payload + ")";
            CHECK(as_expected);
        }
    }
}

TEST_CASE("a length that is not in its shortest form is refused (RFC 6455 §5.2)") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        for (const std::size_t length : {0U, 1U, 125U}) {
            CHECK(events_of(role, zeros_frame(role, 0x82, 2, length)) == "error(1002 RFC 6455 §5.2)");
            CHECK(events_of(role, zeros_frame(role, 0x82, 8, length)) == "error(1002 RFC 6455 §5.2)");
        }
        for (const std::size_t length : {126U, 65535U}) {
            CHECK(events_of(role, zeros_frame(role, 0x82, 8, length)) == "error(1002 RFC 6455 §5.2)");
        }
    }
    CHECK(events_of(Role::client, zeros_frame(Role::client, 0x82, 2, 126)).size() == 126 + 8);
    CHECK(events_of(Role::client, zeros_frame(Role::client, 0x82, 8, 65536)).size() == 65536 + 8);
    CHECK(error_of(Role::client, zeros_frame(Role::client, 0x82, 2, 125)).message ==
          "a length of 125 is not in its shortest form");
}

TEST_CASE("a 64-bit length with its highest bit set is refused (RFC 6455 §5.2)") {
    for (const Role role : both_roles) {
        for (const std::uint64_t length : {0x8000000000000000ULL, 0xFFFFFFFFFFFFFFFFULL}) {
            const std::string bytes = header_to(role, 0x82, length_form(8, length));
            CHECK(events_of(role, bytes) == "error(1002 RFC 6455 §5.2)");
            CHECK(error_of(role, bytes).message == "the highest bit of a 64-bit length is set");
        }
    }
}

TEST_CASE("reserved bits are refused on every frame, as no extension is negotiated (RFC 6455 §5.2)") {
    for (const Role role : both_roles) {
        for (const unsigned char first_byte : unmasked_opcodes) {
            for (unsigned bits = 1; bits < 8; ++bits) {
                const auto with_bits = static_cast<unsigned char>(first_byte | bits << 4);
                CHECK(events_of(role, zeros_frame(role, with_bits, 0, 4)) == "error(1002 RFC 6455 §5.2)");
            }
        }
    }
}

TEST_CASE("reserved opcodes are refused (RFC 6455 §5.2)") {
    for (const Role role : both_roles) {
        for (const unsigned opcode : {0x3U, 0x4U, 0x5U, 0x6U, 0x7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
            CAPTURE(opcode);
            const std::string bytes = zeros_frame(role, static_cast<unsigned char>(0x80 | opcode), 0, 1);
            CHECK(events_of(role, bytes) == "error(1002 RFC 6455 §5.2)");
        }
    }
    CHECK(error_of(Role::server, "\x8F"s).message == "opcode 0xF is reserved");
}

TEST_CASE("a server refuses plain frames, a client masked ones (RFC 6455 §5.1)") {
    for (const unsigned char first_byte : unmasked_opcodes) {
        CHECK(events_of(Role::server, header_to(Role::client, first_byte, "\0"s)) == "error(1002 RFC 6455 §5.1)");
        CHECK(events_of(Role::client, header_to(Role::server, first_byte, "\0"s)) == "error(1002 RFC 6455 §5.1)");
    }
    CHECK(error_of(Role::server, "\x81\x00"s).message == "a frame from the client is not masked");
    CHECK(error_of(Role::client, "\x81\x80"s).message == "a frame from the server is masked");
}

TEST_CASE("control frames carry at most 125 bytes and come in one piece (RFC 6455 §5.5)") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        const std::string longest(125, 'p');
        CHECK(events_of(role, frame_to(role, Opcode::ping, longest)) == "ping(" + longest + ")");
        CHECK(events_of(role, frame_to(role, Opcode::pong, longest)) == "pong(" + longest + ")");
        for (const unsigned opcode : {0x8U, 0x9U, 0xAU}) {
            const auto complete = static_cast<unsigned char>(0x80 | opcode);
            CHECK(events_of(role, zeros_frame(role, complete, 2, 126)) == "error(1002 RFC 6455 §5.5)");
            CHECK(events_of(role, zeros_frame(role, complete, 8, 65536)) == "error(1002 RFC 6455 §5.5)");
            const auto fragment = static_cast<unsigned char>(opcode);
            CHECK(events_of(role, zeros_frame(role, fragment, 0, 2)) == "error(1002 RFC 6455 §5.5)");
        }
    }
}

TEST_CASE("events before an error are given") {
    for (const Role role : both_roles) {
        const std::string bytes = frame_to(role, Opcode::text, "fine") + "\x83";
        CHECK(events_of(role, bytes) == "text(fine) error(1002 RFC 6455 §5.2)");
        CHECK(events_of(role, bytes + frame_to(role, Opcode::text, "fine")) == "text(fine) error(1002 RFC 6455 §5.2)");
    }
}
