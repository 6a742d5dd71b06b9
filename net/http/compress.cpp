#include <stepwise/net/http/compress.hpp>

#include <zlib.h>
#include <array>
#include <new>
#include <optional>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/parameters.hpp>

namespace stepwise::http {

namespace {

constexpr int level = 6;
constexpr int gzip_window_bits = 15 + 16;  // zlib's way of asking for a gzip head
// One for each stream that is open: 32 KiB for the window, 32 KiB for the rest, instead of 256 KiB.
constexpr int stream_window_bits = 13 + 16;
constexpr int stream_memory_level = 6;

// In thousandths: qvalue of RFC 9110 §12.4.2. What is none counts as 0.
int weight_of(std::string_view element) {
    const std::size_t semicolon = element.find(';');
    if (semicolon == std::string_view::npos) return 1000;
    std::string_view text = trim_space(element.substr(semicolon + 1));
    if (text.size() < 3 || to_lower(text[0]) != 'q' || text[1] != '=') return 0;
    text.remove_prefix(2);
    if ((text[0] != '0' && text[0] != '1') || text.size() > 5 || (text.size() > 1 && text[1] != '.')) return 0;
    int weight = (text[0] - '0') * 1000;
    int unit = 100;
    for (std::size_t index = 2; index < text.size(); ++index, unit /= 10) {
        if (!is_digit(text[index])) return 0;
        weight += (text[index] - '0') * unit;
    }
    return weight <= 1000 ? weight : 0;
}

void add_vary(Response& response) {
    const std::string vary(response.headers.find("Vary").value_or(""));
    std::string_view rest = vary;
    while (!rest.empty()) {
        const std::string_view element = take_list_element(rest);
        if (element == "*" || equal_ignoring_case(element, "accept-encoding")) return;
    }
    response.headers.set("Vary", vary.empty() ? "Accept-Encoding" : vary + ", Accept-Encoding");
}

bool forbids_transformation(const Response& response) {
    std::string_view rest = response.headers.find("Cache-Control").value_or("");
    while (!rest.empty()) {
        if (equal_ignoring_case(take_list_element(rest), "no-transform")) return true;
    }
    return false;
}

}  // namespace

bool takes_gzip(const Request& request) {
    std::optional<int> gzip, identity, any;
    for (const HeaderField field : request.headers()) {
        if (!equal_ignoring_case(field.name, "accept-encoding")) continue;
        std::string_view rest = field.value;
        while (!rest.empty()) {
            const std::string_view element = take_list_element(rest);
            const std::string_view coding = first_word(element);
            const int weight = weight_of(element);
            if (equal_ignoring_case(coding, "gzip") || equal_ignoring_case(coding, "x-gzip")) gzip = weight;
            if (equal_ignoring_case(coding, "identity")) identity = weight;
            if (coding == "*") any = weight;
        }
    }
    const int weight = gzip ? *gzip : any.value_or(0);
    return weight > 0 && weight >= identity.value_or(0);
}

bool is_compressible(std::string_view content_type) {
    static constexpr std::array<std::string_view, 9> types = {
        "application/json",          "application/javascript", "application/xml",     "application/wasm",
        "application/manifest+json", "application/xhtml+xml",  "application/ld+json", "image/svg+xml",
        "application/x-ndjson"};
    const std::string_view type = first_word(content_type);
    if (equal_ignoring_case(type.substr(0, 5), "text/")) return !equal_ignoring_case(type, "text/event-stream");
    for (const std::string_view known : types) {
        if (equal_ignoring_case(type, known)) return true;
    }
    return false;
}

std::string gzip(std::string_view bytes) {
    z_stream stream{};
    if (deflateInit2(&stream, level, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc();
    struct End {
        z_stream& stream;
        ~End() { deflateEnd(&stream); }
    } end{stream};
    std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);  // into as much room as it can need
    out.resize(out.size() - stream.avail_out);
    return out;
}

struct GzipStream::Zlib {
    Zlib() {
        if (deflateInit2(&stream, level, Z_DEFLATED, stream_window_bits, stream_memory_level, Z_DEFAULT_STRATEGY) !=
            Z_OK)
            throw std::bad_alloc();
    }
    Zlib(const Zlib&) = delete;
    Zlib& operator=(const Zlib&) = delete;
    ~Zlib() { deflateEnd(&stream); }

    z_stream stream{};
};

GzipStream::GzipStream() : zlib_(std::make_unique<Zlib>()) {}
GzipStream::~GzipStream() = default;

std::string GzipStream::add(std::string_view bytes) {
    return bytes.empty() ? std::string() : deflate_all(bytes, Z_SYNC_FLUSH);
}

std::string GzipStream::finish() {
    return deflate_all({}, Z_FINISH);
}

std::string GzipStream::deflate_all(std::string_view bytes, int flush) {
    z_stream& stream = zlib_->stream;
    std::string out;
    std::array<char, 16 * 1024> block;
    // zlib counts in 32 bits.
    for (constexpr std::size_t piece_bytes = 1U << 30; bytes.size() > piece_bytes;) {
        out += deflate_all(bytes.substr(0, piece_bytes), Z_NO_FLUSH);
        bytes.remove_prefix(piece_bytes);
    }
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    do {
        stream.next_out = reinterpret_cast<Bytef*>(block.data());
        stream.avail_out = static_cast<uInt>(block.size());
        deflate(&stream, flush);
        out.append(block.data(), block.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
}

void compress(const Request& request, Response& response) {
    constexpr std::size_t compressed_bytes_max = 1U << 30;
    const bool is_stream = response.may_compress_stream;
    if (response.status != 200 || response.headers.contains("Content-Encoding")) return;
    if (!is_stream && response.body.size() < compressed_bytes_min) return;
    if (response.body.size() > compressed_bytes_max || (is_stream && response.headers.contains("Accept-Ranges")))
        return;
    const std::string_view type = response.headers.find("Content-Type").value_or(response.content_type);
    if (!is_compressible(type) || forbids_transformation(response)) return;
    add_vary(response);
    if (!takes_gzip(request)) return;
    if (!is_stream) {
        std::string smaller = gzip(response.body);
        if (smaller.size() >= response.body.size()) return;
        response.body = std::move(smaller);
    }
    response.compress_stream = is_stream;
    response.headers.set("Content-Encoding", "gzip");
    const std::string tag(response.headers.find("ETag").value_or(""));
    if (!tag.empty() && !tag.starts_with("W/")) response.headers.set("ETag", "W/" + tag);
}

}  // namespace stepwise::http
