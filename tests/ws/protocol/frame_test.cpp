#include <stepwise/ws/frame.hpp>

#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace std::string_literals;

namespace {

std::string frame(Opcode opcode, std::string_view payload, bool fin = true, std::optional<MaskKey> key = {}) {
    std::string bytes;
    net::StringSink sink(bytes);
    append_frame(sink, opcode, payload, fin, key);
    return bytes;
}

std::string masked(std::string text, MaskKey key) {
    apply_mask(text, key);
    return text;
}

}  // namespace

TEST_CASE("frames are written as in the examples of RFC 6455 §5.7") {
    CHECK(frame(Opcode::text, "Hello") == "\x81\x05Hello"s);
    CHECK(frame(Opcode::text, "Hello", true, MaskKey{0x37, 0xFA, 0x21, 0x3D}) ==
          "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);
    CHECK(frame(Opcode::text, "Hel", false) == "\x01\x03Hel"s);
    CHECK(frame(Opcode::continuation, "lo") == "\x80\x02lo"s);
    CHECK(frame(Opcode::ping, "Hello") == "\x89\x05Hello"s);
    CHECK(frame(Opcode::pong, "Hello", true, MaskKey{0x37, 0xFA, 0x21, 0x3D}) ==
          "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);
    CHECK(frame(Opcode::binary, std::string(256, 'b')).substr(0, 4) == "\x82\x7E\x01\x00"s);
    CHECK(frame(Opcode::binary, std::string(65536, 'b')).substr(0, 10) == "\x82\x7F\0\0\0\0\0\x01\0\0"s);
}

TEST_CASE("a header that is written is read again, in its shortest form") {
    for (const std::uint64_t payload_bytes : {0ULL, 1ULL, 125ULL, 126ULL, 127ULL, 0xFFFFULL, 0x10000ULL, 0xFFFFFFFFULL,
                                              0x100000000ULL, 0x7FFFFFFFFFFFFFFFULL}) {
        for (const Role receiver : test::both_roles) {
            CAPTURE(payload_bytes);
            CAPTURE(test::role_name(receiver));
            FrameHeader written{.payload_bytes = payload_bytes,
                                .mask_key = {1, 2, 3, 4},
                                .masked = receiver == Role::server,
                                .fin = payload_bytes % 2 == 0,
                                .opcode = Opcode::binary};
            char bytes[frame_header_bytes_max];
            const std::size_t size = write_frame_header(bytes, written);
            CHECK(size == frame_header_size(payload_bytes, written.masked));
            for (std::size_t cut = 0; cut < size; ++cut) {
                CHECK(std::holds_alternative<NeedMore>(parse_frame_header({bytes, cut}, receiver)));
            }
            const FrameHeaderResult result = parse_frame_header({bytes, size}, receiver);
            const auto* read = std::get_if<FrameHeader>(&result);
            REQUIRE(read != nullptr);
            CHECK(read->payload_bytes == payload_bytes);
            CHECK(read->fin == written.fin);
            CHECK(read->opcode == written.opcode);
            CHECK(read->masked == written.masked);
            CHECK(read->mask_key == (written.masked ? written.mask_key : MaskKey{}));
            CHECK(read->header_bytes == size);
        }
    }
}

TEST_CASE("a reserved bit is an error until an extension allows it (RFC 6455 §5.2)") {
    const std::string rsv1 = "\xC1\x00"s;
    const FrameHeaderResult refused = parse_frame_header(rsv1, Role::client);
    const auto* error = std::get_if<net::ProtocolError>(&refused);
    REQUIRE(error != nullptr);
    CHECK(error->message == "reserved bits 100 are set, but no extension uses them");
    const FrameHeaderResult allowed = parse_frame_header(rsv1, Role::client, 0b100);
    REQUIRE(std::holds_alternative<FrameHeader>(allowed));
    CHECK(std::get<FrameHeader>(allowed).reserved_bits == 0b100);
    CHECK(std::holds_alternative<net::ProtocolError>(parse_frame_header("\xA1\x00"s, Role::client, 0b100)));

    char bytes[frame_header_bytes_max];
    CHECK(write_frame_header(bytes, {.payload_bytes = 3, .opcode = Opcode::text, .reserved_bits = 0b100}) == 2);
    CHECK(std::string(bytes, 2) == "\xC1\x03"s);
}

TEST_CASE("a broken first byte is refused before the second arrives") {
    CHECK(std::holds_alternative<net::ProtocolError>(parse_frame_header("\x83"s, Role::server)));
    CHECK(std::holds_alternative<net::ProtocolError>(parse_frame_header("\x09"s, Role::server)));
    CHECK(std::holds_alternative<NeedMore>(parse_frame_header("\x81"s, Role::server)));
    CHECK(std::holds_alternative<net::ProtocolError>(parse_frame_header("\x81\x05"s, Role::server)));
}

TEST_CASE("the mask is the plain XOR of RFC 6455 §5.3 for every size, alignment and offset") {
    const MaskKey key{0xA1, 0x02, 0xF3, 0x44};
    std::string text;
    for (int index = 0; index < 200; ++index) text += static_cast<char>(index * 7 + 3);
    std::size_t wrong = 0;
    for (std::size_t start = 0; start < 9; ++start) {
        for (std::size_t size = 0; size <= 150; ++size) {
            for (std::size_t offset = 0; offset < 5; ++offset) {
                std::string bytes = text;
                apply_mask({bytes.data() + start, size}, rotate_mask(key, offset));
                for (std::size_t at = 0; at < bytes.size(); ++at) {
                    const bool inside = at >= start && at < start + size;
                    const unsigned char xored = inside ? key[(at - start + offset) % 4] : 0;
                    if (static_cast<unsigned char>(bytes[at]) != (static_cast<unsigned char>(text[at]) ^ xored))
                        ++wrong;
                }
            }
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("masking in parts with a turned key equals masking at once") {
    const MaskKey key{1, 2, 3, 4};
    const std::string text = "the quick brown fox jumps over the lazy dog";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        CHECK(masked(text.substr(0, cut), key) + masked(text.substr(cut), rotate_mask(key, cut)) == masked(text, key));
    }
}
