// What a peer may send as a compressed message, and say of it in the handshake: ws::MessageCompression and the terms.
//
// A message unpacks to the same, or fails, however its bytes are cut and whatever room there is; what zlib makes of the
// whole is what comes out. What one end packs the other unpacks. An offer is declined or narrowed, and what we answer
// we understand ourselves.
#include <zlib.h>
#include <algorithm>
#include <stepwise/tests/fuzz/support.hpp>
#include <stepwise/ws/deflate.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

constexpr std::size_t unpacked_bytes_max = 1 << 18;

ws::CompressionTerms terms_of(const Input& input) {
    const auto bits = static_cast<std::uint8_t>(8 + input.choices[0] % 8);
    const bool forgets = (input.choices[0] & 0x80) != 0;
    return {.server_no_context_takeover = forgets,
            .client_no_context_takeover = forgets,
            .server_max_window_bits = bits,
            .client_max_window_bits = bits};
}

// "corrupt", or what came out behind a "=": as much of it as is looked at.
std::string unpacked(const ws::CompressionTerms& terms, const Pieces& pieces, std::size_t room_bytes) {
    ws::MessageCompression compression(ws::Role::server, terms, {});
    std::string out = "=";
    std::string room(room_bytes, '\0');
    for (std::size_t index = 0; index < pieces.size(); ++index) {
        const LentBytes lent(pieces[index]);
        compression.receive(lent.view(), index + 1 == pieces.size());
        for (;;) {
            const auto piece = compression.next_piece(room);
            if (!piece) return "corrupt";
            expect(lies_within(*piece, room), "a piece lies in the room that was given");
            if (piece->empty()) break;
            out += *piece;
            if (out.size() > unpacked_bytes_max) return out.substr(0, unpacked_bytes_max);
        }
    }
    compression.end_received();
    return out;
}

// By zlib, in one call; nothing where it stops at a block with BFINAL, or behind what is looked at.
std::optional<std::string> unpacked_by_zlib(std::string_view bytes) {
    std::string whole(bytes);
    whole.append("\x00\x00\xFF\xFF", 4);
    std::string out(unpacked_bytes_max, '\0');
    z_stream stream{};
    expect(inflateInit2(&stream, -MAX_WBITS) == Z_OK, "zlib takes the window");
    stream.next_in = reinterpret_cast<Bytef*>(whole.data());
    stream.avail_in = static_cast<uInt>(whole.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_SYNC_FLUSH);
    const bool is_whole = result == Z_OK && stream.avail_in == 0 && stream.avail_out != 0;
    const bool is_corrupt = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR;
    out.resize(out.size() - stream.avail_out);
    inflateEnd(&stream);
    if (is_corrupt) return "corrupt";
    if (!is_whole) return std::nullopt;
    return "=" + out;
}

void check_unpacking(const Input& input) {
    const ws::CompressionTerms terms = terms_of(input);
    const std::string whole = unpacked(terms, {input.bytes}, 16 * 1024);
    for (const Pieces& pieces : ways_to_cut(input)) {
        if (pieces.empty()) continue;
        expect_equal(unpacked(terms, pieces, 16 * 1024), whole, "what comes out does not depend on cuts");
    }
    expect_equal(unpacked(terms, {input.bytes}, 1 + input.choices[1]), whole, "nor on the room");
    const std::optional<std::string> reference = unpacked_by_zlib(input.bytes);
    // zlib alone does not mind where a message ends within something.
    if (reference && whole != "corrupt") expect_equal(whole, *reference, "it is what zlib makes of it");
    if (reference == "corrupt") expect_equal(whole, "corrupt", "what zlib refuses is refused");
}

void check_packing(const Input& input) {
    const ws::CompressionTerms terms = terms_of(input);
    const ws::CompressionOptions options{
        .level = 1 + input.choices[1] % 9, .memory_level = 1 + input.choices[2] % 9, .message_bytes_min = 1};
    ws::MessageCompression sender(ws::Role::client, terms, options);
    ws::MessageCompression receiver(ws::Role::server, terms, options);
    for (const std::string_view message : {input.bytes, input.bytes.substr(input.bytes.size() / 2), input.bytes}) {
        const auto packed = sender.pack(message);
        if (!packed) continue;
        const LentBytes lent(*packed);
        receiver.receive(lent.view(), true);
        std::string room(16 * 1024, '\0');
        std::string out;
        for (;;) {
            const auto piece = receiver.next_piece(room);
            expect(piece.has_value(), "what one end packs the other reads");
            if (piece->empty()) break;
            out += *piece;
        }
        receiver.end_received();
        expect_equal(out, message, "what one end packs the other unpacks");
    }
}

void check_terms(const Input& input) {
    const auto extensions = ws::parse_extensions({input.bytes});
    if (!extensions) return;
    for (const ws::Extension& extension : *extensions) {
        expect(!extension.name.empty() && lies_within(extension.name, input.bytes), "a name is a view of the line");
    }
    ws::CompressionOptions options{.context_takeover = input.choices[0] % 2 == 0,
                                   .window_bits_max = 8 + input.choices[1] % 8};
    const auto terms = ws::accept_compression(*extensions, options);
    if (terms) {
        expect(terms->server_max_window_bits >= 8 && terms->server_max_window_bits <= options.window_bits_max,
               "our window is one that we may have");
        const std::string answer = ws::extension_field(*terms);
        const auto again = ws::parse_extensions({answer});
        expect(again && again->size() == 1 && again->front().name == "permessage-deflate", "our answer can be read");
    }
    const ws::CompressionAnswer answer = ws::read_compression_answer(*extensions, options);
    if (const auto* error = std::get_if<std::string>(&answer)) expect(!error->empty(), "a refusal says why");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    check_unpacking(input);
    check_packing(input);
    check_terms(input);
    return 0;
}
