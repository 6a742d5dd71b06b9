#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/content_decoder.hpp>

#include <zlib.h>

#include <algorithm>
#include <new>
#include <utility>

namespace stepwise::http {

namespace {

constexpr int gzip_window_bits = 15 + 16;
constexpr int zlib_window_bits = 15;
constexpr int raw_window_bits = -15;

}  // namespace

struct ContentDecoder::Zlib {
    explicit Zlib(int window_bits) {
        if (inflateInit2(&stream, window_bits) != Z_OK) throw std::bad_alloc();
    }
    Zlib(const Zlib&) = delete;
    Zlib& operator=(const Zlib&) = delete;
    ~Zlib() { inflateEnd(&stream); }

    z_stream stream{};
};

std::optional<ContentCoding> content_coding_named(std::string_view field_value) noexcept {
    const std::string_view name = trim_space(field_value);
    if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip")) return ContentCoding::gzip;
    if (equal_ignoring_case(name, "deflate")) return ContentCoding::deflate;
    return std::nullopt;
}

ContentDecoder::ContentDecoder(ContentCoding coding)
    : zlib_(std::make_unique<Zlib>(coding == ContentCoding::gzip ? gzip_window_bits : zlib_window_bits)),
      coding_(coding) {}
ContentDecoder::ContentDecoder(ContentDecoder&&) noexcept = default;
ContentDecoder& ContentDecoder::operator=(ContentDecoder&&) noexcept = default;
ContentDecoder::~ContentDecoder() = default;

void ContentDecoder::receive_data(std::string_view bytes) noexcept {
    // zlib only reads them.
    zlib_->stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    zlib_->stream.avail_in = static_cast<uInt>(bytes.size());
}

bool ContentDecoder::decode_more(std::string& out) {
    z_stream& stream = zlib_->stream;
    const std::size_t before = out.size();
    for (;;) {
        if (error_ != nullptr) return false;
        if (member_ended_ && stream.avail_in != 0) {
            // gzip is a row of members (RFC 1952 §2.2).
            if (coding_ != ContentCoding::gzip || inflateReset(&stream) != Z_OK) {
                error_ = "there are bytes behind the end of its content coding";
                return false;
            }
            member_ended_ = false;
        }
        if (member_ended_) return false;
        if (stream.avail_in != 0 && !std::exchange(has_begun_, true)) choose_format();
        out.resize(before + piece_bytes_max);
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
        stream.avail_out = static_cast<uInt>(piece_bytes_max);
        const int result = inflate(&stream, Z_NO_FLUSH);
        out.resize(before + piece_bytes_max - stream.avail_out);
        if (result == Z_STREAM_END) {
            member_ended_ = true;
        } else if (result == Z_MEM_ERROR) {
            throw std::bad_alloc();
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            error_ = "its content coding is damaged";
        }
        if (out.size() != before) return true;
        if (!member_ended_) return false;
    }
}

// What "deflate" means is RFC 1950, whose first byte says 8; some servers send RFC 1951 alone, where that byte would
// begin a stored block with a bit set that nobody sets.
void ContentDecoder::choose_format() noexcept {
    constexpr unsigned method_mask = 0x0f;
    constexpr unsigned method_deflate = 8;
    if (coding_ != ContentCoding::deflate || (*zlib_->stream.next_in & method_mask) == method_deflate) return;
    if (inflateReset2(&zlib_->stream, raw_window_bits) != Z_OK) error_ = "its content coding is damaged";
}

void ContentDecoder::receive_end() noexcept {
    if (error_ == nullptr && has_begun_ && !member_ended_) error_ = "its content coding ends too early";
}

}  // namespace stepwise::http
