#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

TEST_CASE("a message of message_bytes_max arrives, one of a byte more is refused with 1009") {
    const ProtocolOptions options{.message_bytes_max = 300};
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        const std::string fits(300, 'm');
        const std::string too_long(301, 'm');
        CHECK(events_of(role, frame_to(role, Opcode::text, fits), options) == "text(" + fits + ")");
        CHECK(events_of(role, frame_to(role, Opcode::text, too_long), options) == "error(1009 RFC 6455 §10.4)");
        const std::string start = frame_to(role, Opcode::text, fits.substr(0, 200), false);
        CHECK(events_of(role, start + frame_to(role, Opcode::continuation, fits.substr(200)), options) ==
              "text(" + fits + ")");
        CHECK(events_of(role, start + frame_to(role, Opcode::continuation, too_long.substr(200)), options) ==
              "error(1009 RFC 6455 §10.4)");
        CHECK(events_of(role, start + frame_to(role, Opcode::continuation, too_long.substr(200), false), options) ==
              "error(1009 RFC 6455 §10.4)");
    }
}

TEST_CASE("the limit counts message bytes only, not the pings between") {
    const ProtocolOptions options{.message_bytes_max = 10};
    for (const Role role : both_roles) {
        const std::string bytes = frame_to(role, Opcode::text, "12345", false) +
                                  frame_to(role, Opcode::ping, std::string(125, 'p')) +
                                  frame_to(role, Opcode::continuation, "67890");
        CHECK(events_of(role, bytes, options) == "ping(" + std::string(125, 'p') + ") text(1234567890)");
    }
}

TEST_CASE("limits hold for short messages and frames too") {
    for (const Role role : both_roles) {
        const std::string ten = frame_to(role, Opcode::text, "0123456789");
        const std::string eleven = frame_to(role, Opcode::text, "0123456789A");
        for (const ProtocolOptions& options :
             {ProtocolOptions{.message_bytes_max = 10}, ProtocolOptions{.frame_bytes_max = 10}}) {
            CHECK(events_of(role, ten + eleven, options) == "text(0123456789) error(1009 RFC 6455 §10.4)");
        }
        const ProtocolOptions nothing{.message_bytes_max = 0};
        CHECK(events_of(role, frame_to(role, Opcode::text, ""), nothing) == "text()");
        CHECK(events_of(role, frame_to(role, Opcode::text, "x"), nothing) == "error(1009 RFC 6455 §10.4)");
    }
}

TEST_CASE("each message has the whole limit, and fragments are not counted") {
    const ProtocolOptions options{.message_bytes_max = 10};
    for (const Role role : both_roles) {
        const std::string ten = frame_to(role, Opcode::text, "0123456789");
        CHECK(events_of(role, ten + ten, options) == "text(0123456789) text(0123456789)");
        std::string empty_fragments = frame_to(role, Opcode::text, "", false);
        for (int index = 0; index < 100; ++index) empty_fragments += frame_to(role, Opcode::continuation, "", false);
        CHECK(events_of(role, empty_fragments + frame_to(role, Opcode::continuation, "0123456789"), options) ==
              "text(0123456789)");
    }
}

TEST_CASE("a frame over frame_bytes_max is refused, smaller fragments are not") {
    const ProtocolOptions options{.message_bytes_max = 1000, .frame_bytes_max = 100};
    for (const Role role : both_roles) {
        const std::string fits(100, 'f');
        CHECK(events_of(role, frame_to(role, Opcode::binary, fits), options) == "binary(" + fits + ")");
        CHECK(events_of(role, frame_to(role, Opcode::binary, fits + "f"), options) == "error(1009 RFC 6455 §10.4)");
        CHECK(events_of(role, frame_to(role, Opcode::binary, fits, false) + frame_to(role, Opcode::continuation, fits),
                        options) == "binary(" + fits + fits + ")");
    }
}

TEST_CASE("a limit's error names the limit, its value, the option and the side") {
    const ProtocolOptions options{.message_bytes_max = 1000, .frame_bytes_max = 100};
    CHECK(error_of(Role::server, frame_to(Role::server, Opcode::text, std::string(101, 'f')), options).message ==
          "a frame of 101 bytes or more: this server takes 100 (ProtocolOptions::frame_bytes_max)");
    const ProtocolOptions message_only{.message_bytes_max = 1000};
    CHECK(error_of(Role::client, frame_to(Role::client, Opcode::text, std::string(1001, 'f')), message_only).message ==
          "a message of 1001 bytes or more: this client takes 1000 (ProtocolOptions::message_bytes_max)");
}

TEST_CASE("the default limit is 1 MiB") {
    const std::string fits(1 << 20, 'm');
    const std::string bytes = frame_to(Role::client, Opcode::text, fits);
    for (const std::size_t cut : {std::size_t{1}, std::size_t{9}, std::size_t{10}, fits.size(), bytes.size()}) {
        const Pieces pieces{std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)};
        const bool given = events_of_pieces(Role::client, pieces) == "text(" + fits + ")";
        CHECK(given);
    }
    CHECK(events_of(Role::client, frame_to(Role::client, Opcode::text, fits + "m").substr(0, 100)) ==
          "error(1009 RFC 6455 §10.4)");
}

TEST_CASE("a message that is announced too long is refused by its header alone") {
    for (const std::string& length : {"\x7F\0\0\0\0\0\x10\0\x01"s, "\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s}) {
        for (const Role role : both_roles) {
            CHECK(events_of(role, header_to(role, 0x81, length)) == "error(1009 RFC 6455 §10.4)");
        }
    }
}

TEST_CASE("without a limit a message of any announced length is waited for") {
    const ProtocolOptions options{.message_bytes_max = std::numeric_limits<std::size_t>::max()};
    for (const Role role : both_roles) {
        CHECK(events_of(role, header_to(role, 0x82, "\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s) + "abc", options).empty());
    }
}
