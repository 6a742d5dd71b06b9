// What a server may send as a coded body, for http::ContentDecoder. The first byte chooses the coding.
//
// Whole, byte by byte and in pieces the same comes out, or the same error; no call gives more than piece_bytes_max.
#include <algorithm>
#include <stepwise/net/http/content_decoder.hpp>
#include <stepwise/tests/fuzz/support.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

constexpr std::size_t decoded_bytes_max = 1 << 20;

struct Decoded {
    std::string text;
    std::string error;
    bool operator==(const Decoded&) const = default;
};

Decoded decode(http::ContentCoding coding, std::string_view bytes, std::size_t piece_bytes) {
    http::ContentDecoder decoder(coding);
    Decoded decoded;
    while (!bytes.empty() && decoder.error() == nullptr && decoded.text.size() < decoded_bytes_max) {
        const LentBytes piece(bytes.substr(0, piece_bytes));
        bytes.remove_prefix(piece.view().size());
        decoder.receive_data(piece.view());
        for (std::size_t before = 0; decoded.text.size() < decoded_bytes_max;) {
            before = decoded.text.size();
            if (!decoder.decode_more(decoded.text)) break;
            const std::size_t more = decoded.text.size() - before;
            expect(more > 0 && more <= http::ContentDecoder::piece_bytes_max,
                   "a call gives something, and not too much");
        }
    }
    decoder.receive_end();
    if (decoder.error() != nullptr) decoded.error = decoder.error();
    return decoded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto coding = data[0] % 2 == 0 ? http::ContentCoding::gzip : http::ContentCoding::deflate;
    const LentBytes lent({reinterpret_cast<const char*>(data) + 1, size - 1});
    const Decoded whole = decode(coding, lent.view(), size);
    // Of more than is looked at, where it stops depends on the pieces.
    if (whole.text.size() >= decoded_bytes_max) return 0;
    for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
        expect(decode(coding, lent.view(), piece_bytes) == whole, "the same, however it is cut", lent.view());
    }
    return 0;
}
