#include <stepwise/tests/ws/protocol/support.hpp>

#include <zlib.h>

#include <random>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

namespace {

constexpr CompressionTerms takeover{};
constexpr CompressionTerms no_takeover{.server_no_context_takeover = true, .client_no_context_takeover = true};
const ProtocolOptions all_packed{.compression = {.message_bytes_min = 1}};

// RFC 7692 §7.2.3.1: "Hello" compressed, and the same in a window that has it already.
const std::string hello = "\xF2\x48\xCD\xC9\xC9\x07\x00"s;
const std::string hello_again = "\xF2\x00\x11\x00\x00"s;

std::string packed_frame_to(Role receiver, Opcode opcode, std::string_view payload, bool fin = true) {
    std::string bytes = frame_to(receiver, opcode, payload, fin);
    bytes[0] = static_cast<char>(bytes[0] | 0x40);
    return bytes;
}

// The events of an end that agreed on `terms`, however the bytes are cut.
std::string events_of(Role role, const CompressionTerms& terms, std::string_view bytes,
                      const ProtocolOptions& options = all_packed) {
    return same_however_cut(bytes, [&](const Pieces& pieces) {
        Protocol protocol(role, options, fixed_mask_keys(), terms);
        std::string seen;
        for (const std::string_view piece : pieces) {
            ShortLived lent(piece);
            protocol.receive_data(lent.span());
            for (Protocol::Event event = protocol.next_event(); event.index() != 0; event = protocol.next_event()) {
                seen += (seen.empty() ? "" : " ") + describe(event);
                if (std::holds_alternative<net::ProtocolError>(event)) return seen;
            }
        }
        return seen;
    });
}

std::string sent_by(Protocol& protocol, std::string_view message) {
    std::string bytes;
    net::StringSink sink(bytes);
    CHECK(protocol.send_message(sink, Opcode::binary, message));
    return bytes;
}

Role other(Role role) {
    return role == Role::server ? Role::client : Role::server;
}

// Text with much that comes again, from far and near.
std::string repetitive(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::string text;
    while (text.size() < size) {
        const std::size_t back = text.empty() ? 0 : random() % std::min<std::size_t>(text.size(), 40'000);
        if (back > 8 && random() % 4 != 0) {
            text += text.substr(text.size() - back, random() % 60);
        } else {
            text += static_cast<char>('a' + random() % 20);
        }
    }
    text.resize(size);
    return text;
}

}  // namespace

TEST_CASE("the messages of RFC 7692 §7.2.3 are read") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, hello)) == "text(Hello)");
        const std::string fragments = packed_frame_to(role, Opcode::text, hello.substr(0, 3), false) +
                                      frame_to(role, Opcode::continuation, hello.substr(3));
        CHECK(events_of(role, takeover, fragments) == "text(Hello)");
        const std::string shared_window =
            packed_frame_to(role, Opcode::text, hello) + packed_frame_to(role, Opcode::text, hello_again);
        CHECK(events_of(role, takeover, shared_window) == "text(Hello) text(Hello)");
        const std::string not_compressed = "\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00"s;
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, not_compressed)) == "text(Hello)");
        const std::string final_block = "\xF3\x48\xCD\xC9\xC9\x07\x00\x00"s;
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, final_block)) == "text(Hello)");
        const std::string two_blocks = "\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00"s;
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, two_blocks)) == "text(Hello)");
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, "\0"s)) == "text()");
    }
}

TEST_CASE("a final block may be followed by more, which refers back behind it") {
    const std::string final_block = "\xF3\x48\xCD\xC9\xC9\x07\x00"s;
    for (const Role role : both_roles) {
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, final_block + hello)) ==
              "text(HelloHello)");
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, final_block + hello_again)) ==
              "text(HelloHello)");
        CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::text, final_block)) == "text(Hello)");
        CHECK(events_of(role, takeover,
                        packed_frame_to(role, Opcode::text, final_block) +
                            packed_frame_to(role, Opcode::text, hello_again)) == "text(Hello) text(Hello)");
    }
}

TEST_CASE("the end of one message is not that of the next") {
    const std::string final_block = "\xF3\x48\xCD\xC9\xC9\x07\x00"s;
    for (const Role role : both_roles) {
        for (const std::string& payload : {hello, final_block}) {
            const std::string bytes =
                packed_frame_to(role, Opcode::text, payload) + packed_frame_to(role, Opcode::text, "");
            CHECK(events_of(role, takeover, bytes) == "text(Hello) error(1007 RFC 7692 §7.2.2)");
        }
    }
}

TEST_CASE("without context takeover a message that refers to an earlier one is refused") {
    for (const Role role : both_roles) {
        const std::string bytes =
            packed_frame_to(role, Opcode::text, hello) + packed_frame_to(role, Opcode::text, hello_again);
        CHECK(events_of(role, no_takeover, bytes) == "text(Hello) error(1007 RFC 7692 §7.2.2)");
    }
}

TEST_CASE("control frames come between the fragments of a compressed message") {
    for (const Role role : both_roles) {
        const std::string bytes = packed_frame_to(role, Opcode::text, hello.substr(0, 4), false) +
                                  frame_to(role, Opcode::ping, "now") +
                                  frame_to(role, Opcode::continuation, "", false) + frame_to(role, Opcode::pong, "") +
                                  frame_to(role, Opcode::continuation, hello.substr(4)) + close_to(role, 1000);
        CHECK(events_of(role, takeover, bytes) == "ping(now) pong() text(Hello) close(1000)");
    }
}

TEST_CASE("RSV1 stands in the first frame of a message only") {
    for (const Role role : both_roles) {
        const std::string start = packed_frame_to(role, Opcode::text, hello.substr(0, 3), false);
        CHECK(events_of(role, takeover, start + packed_frame_to(role, Opcode::continuation, hello.substr(3))) ==
              "error(1002 RFC 7692 §6.1)");
        CHECK(events_of(role, takeover,
                        frame_to(role, Opcode::text, "a", false) +
                            packed_frame_to(role, Opcode::continuation, hello)) == "error(1002 RFC 7692 §6.1)");
        for (const Opcode control : {Opcode::ping, Opcode::pong, Opcode::close}) {
            CHECK(events_of(role, takeover, packed_frame_to(role, control, "")) == "error(1002 RFC 7692 §6.1)");
        }
        CHECK(test::events_of(role, packed_frame_to(role, Opcode::text, hello)) == "error(1002 RFC 6455 §5.2)");
        for (const unsigned char first : {0xA1, 0x91, 0xE1, 0xD1, 0xC3}) {
            CHECK(events_of(role, takeover, header_to(role, first, "\0"s)) == "error(1002 RFC 6455 §5.2)");
        }
    }
}

TEST_CASE("compressed and plain messages take turns, and plain ones are no part of the window") {
    for (const Role role : both_roles) {
        const std::string bytes = packed_frame_to(role, Opcode::text, hello) +
                                  frame_to(role, Opcode::text, "in between") +
                                  packed_frame_to(role, Opcode::text, hello_again);
        CHECK(events_of(role, takeover, bytes) == "text(Hello) text(in between) text(Hello)");
    }
}

TEST_CASE("bytes that are no compressed data, or end within something, close with 1007") {
    for (const Role role : both_roles) {
        for (const std::string& payload : {"\xFF"s, "\xF2\x48\xCD"s, ""s, "\x00\x05\x00\xFA\xFE"s, "\x06"s, "\x07"s}) {
            CHECK(events_of(role, takeover, packed_frame_to(role, Opcode::binary, payload)) ==
                  "error(1007 RFC 7692 §7.2.2)");
        }
    }
}

TEST_CASE("a text that unpacks to what is not UTF-8 closes with 1007, at its first bad byte") {
    for (const Role role : both_roles) {
        Protocol sender(other(role), all_packed, fixed_mask_keys(), takeover);
        for (const std::string& text : {"\xC3"s, "a\xFFz"s, "\xED\xA0\x80"s}) {
            std::string bytes = sent_by(sender, text);
            bytes[0] = static_cast<char>((bytes[0] & 0xF0) | 0x1);
            CHECK(events_of(role, takeover, bytes).starts_with("error(1007 "));
        }
    }
}

TEST_CASE("the limit counts what a message unpacks to, and a bomb costs no memory") {
    const std::string zeros(64 << 20, '\0');
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        Protocol sender(other(role), all_packed, fixed_mask_keys(), takeover);
        const std::string bomb = sent_by(sender, zeros);
        CHECK(bomb.size() < 400'000);
        Protocol receiver(role, {.message_bytes_max = 100'000}, fixed_mask_keys(), takeover);
        std::string lent = bomb;
        const std::size_t before = allocated_bytes();
        receiver.receive_data(lent);
        const auto event = receiver.next_event();
        CHECK(describe(event) == "error(1009 RFC 6455 §10.4)");
        CHECK(allocated_bytes() - before < 400'000);
        CHECK(
            std::get<net::ProtocolError>(event).message.ends_with("takes 100000 (ProtocolOptions::message_bytes_max)"));
    }
    const ProtocolOptions five{.message_bytes_max = 5, .compression = {.message_bytes_min = 1}};
    CHECK(events_of(Role::server, takeover, packed_frame_to(Role::server, Opcode::text, hello), five) == "text(Hello)");
    const ProtocolOptions four{.message_bytes_max = 4, .compression = {.message_bytes_min = 1}};
    CHECK(events_of(Role::server, takeover, packed_frame_to(Role::server, Opcode::text, hello), four) ==
          "error(1009 RFC 6455 §10.4)");
}

TEST_CASE("what one end packs the other unpacks, with each window, level and context") {
    for (const Role role : both_roles) {
        for (std::uint8_t bits = 8; bits <= 15; ++bits) {
            for (const bool keeps : {false, true}) {
                CAPTURE(role_name(role));
                CAPTURE(int{bits});
                CAPTURE(keeps);
                const CompressionTerms terms{.server_no_context_takeover = !keeps,
                                             .client_no_context_takeover = !keeps,
                                             .server_max_window_bits = bits,
                                             .client_max_window_bits = bits};
                const ProtocolOptions options{.compression = {.level = bits - 6, .memory_level = bits - 7}};
                Protocol sender(role, options, fixed_mask_keys(), terms);
                Protocol receiver(other(role), options, fixed_mask_keys(), terms);
                for (const std::size_t size : {129, 4096, 4097, 300'000, 200}) {
                    const std::string message = repetitive(size, bits);
                    std::string bytes = sent_by(sender, message);
                    CHECK((bytes[0] & 0x40) != 0);
                    CHECK(bytes.size() < size);
                    receiver.receive_data(bytes);
                    const auto event = receiver.next_event();
                    const auto* received = std::get_if<Protocol::Message>(&event);
                    REQUIRE(received != nullptr);
                    CHECK(received->payload == message);
                    static_cast<void>(receiver.next_event());
                }
            }
        }
    }
}

// zlib refuses to make such a stream; what is made instead must be read by one that keeps 256 bytes only.
TEST_CASE("a window of 8 bits is kept to: zlib unpacks byte by byte with 256 bytes of memory") {
    const CompressionTerms terms{.server_max_window_bits = 8, .client_max_window_bits = 8};
    for (const int level : {1, 3, 4, 6, 9}) {
        MessageCompression sender(Role::server, terms, {.level = level});
        const std::string message = repetitive(100'000, 8);
        std::string packed(sender.pack(message).value());
        packed.append("\0\0\xFF\xFF", 4);
        z_stream stream{};
        REQUIRE(inflateInit2(&stream, -8) == Z_OK);
        stream.next_in = reinterpret_cast<Bytef*>(packed.data());
        stream.avail_in = static_cast<uInt>(packed.size());
        std::string unpacked;
        int result = Z_OK;
        while (result == Z_OK && unpacked.size() < message.size()) {
            Bytef byte = 0;
            stream.next_out = &byte;
            stream.avail_out = 1;
            result = inflate(&stream, Z_SYNC_FLUSH);
            if (stream.avail_out == 0) unpacked += static_cast<char>(byte);
        }
        inflateEnd(&stream);
        CHECK(result == Z_OK);
        CHECK(unpacked == message);
    }
}

TEST_CASE("a peer that goes back further than agreed is read however its bytes are cut") {
    const CompressionTerms small{.server_max_window_bits = 8, .client_max_window_bits = 8};
    for (const Role role : both_roles) {
        MessageCompression sender(other(role), takeover, {});
        const std::string start = repetitive(700, 2);
        const std::string packed(sender.pack(start + start).value());
        CHECK(events_of(role, small, packed_frame_to(role, Opcode::text, packed)) == "text(" + start + start + ")");
    }
}

TEST_CASE("short messages, and those that would not be shorter, go as they are") {
    Protocol sender(Role::server, {}, {}, no_takeover);
    CHECK(sent_by(sender, std::string(127, 'a'))[0] == '\x82');
    CHECK(sent_by(sender, std::string(128, 'a'))[0] == '\xC2');
    std::mt19937 random(1);
    std::string noise;
    for (int count = 0; count < 1000; ++count) noise += static_cast<char>(random());
    CHECK(sent_by(sender, noise)[0] == '\x82');
    Protocol keeps(Role::server, {}, {}, takeover);
    CHECK(sent_by(keeps, noise)[0] == '\xC2');
    Protocol all(Role::server, all_packed, {}, takeover);
    CHECK(sent_by(all, "") == "\x82\0"s);
}

TEST_CASE("with context takeover a message that comes again is a few bytes") {
    Protocol sender(Role::server, {}, {}, takeover);
    const std::string message = repetitive(1000, 3);
    const std::size_t first = sent_by(sender, message).size();
    CHECK(first > 100);
    CHECK(sent_by(sender, message).size() < 40);
    sender.compression()->forget_sent();
    CHECK(sent_by(sender, message).size() == first);
}

TEST_CASE("an idle connection holds no zlib, and messages allocate nothing once the thread has what they need") {
    const std::string message = repetitive(2000, 4);
    Protocol server(Role::server, {}, {}, no_takeover);
    Protocol client(Role::client, {}, fixed_mask_keys(), no_takeover);
    std::string bytes;
    bytes.reserve(10'000);
    const auto round = [&] {
        bytes.clear();
        net::StringSink sink(bytes);
        static_cast<void>(client.send_text(sink, message));
        server.receive_data(bytes);
        const auto event = server.next_event();
        const bool is_whole = std::get<Protocol::Message>(event).payload == message;
        static_cast<void>(server.next_event());
        return is_whole;
    };
    CHECK(round());
    const std::size_t live = live_allocation_count();
    const std::size_t before = allocation_count();
    bool all_whole = true;
    for (int count = 0; count < 100; ++count) all_whole = round() && all_whole;
    CHECK(all_whole);
    CHECK(allocation_count() == before);
    CHECK(live_allocation_count() == live);

    std::vector<std::unique_ptr<Protocol>> many;
    const std::size_t bytes_before = allocated_bytes();
    for (int count = 0; count < 100; ++count) {
        many.push_back(std::make_unique<Protocol>(Role::server, ProtocolOptions(), MaskKeySource(), no_takeover));
        bytes.clear();
        net::StringSink sink(bytes);
        static_cast<void>(client.send_text(sink, message));
        many.back()->receive_data(bytes);
        REQUIRE(std::holds_alternative<Protocol::Message>(many.back()->next_event()));
        static_cast<void>(many.back()->next_event());
    }
    CHECK((allocated_bytes() - bytes_before) / many.size() < 300);
}

TEST_CASE("a message packed for many is read by those who keep a window, too") {
    const std::string message = repetitive(3000, 5);
    for (const CompressionTerms& terms : {takeover, no_takeover}) {
        Protocol sender(Role::server, {}, {}, terms);
        Protocol receiver(Role::client, {}, fixed_mask_keys(), terms);
        std::string bytes = sent_by(sender, message);
        const auto packed = pack_alone(message, 15, {});
        REQUIRE(packed);
        net::StringSink sink(bytes);
        append_frame(sink, Opcode::binary, *packed, true, std::nullopt, rsv1);
        sender.compression()->forget_sent();
        bytes += sent_by(sender, message);
        receiver.receive_data(bytes);
        for (int count = 0; count < 3; ++count) {
            const auto event = receiver.next_event();
            REQUIRE(std::holds_alternative<Protocol::Message>(event));
            CHECK(std::get<Protocol::Message>(event).payload == message);
        }
    }
}
