// gzip for those who take it (RFC 9110 §12.5.3, RFC 1952).
//
//     router.after(http::compress);
//
// Only what gains by it: texts of some length, or that are written piece by piece; server-sent events are no such text,
// as each must arrive when it is sent, and what has "Accept-Ranges" is left alone for its ranges. What has a
// Content-Encoding, a range, "no-transform" or a strong tag's promise of very bytes is handled as RFC 9110 says: left
// alone, or its tag made weak. Does no I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <stepwise/net/http/message.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

inline constexpr std::size_t compressed_bytes_min = 1024;

// Whether Accept-Encoding takes gzip, and not less gladly than nothing done to it.
bool takes_gzip(const Request& request);
// Whether content of that type gets smaller: texts, JSON, JavaScript, XML, SVG, fonts that are not packed yet.
bool is_compressible(std::string_view content_type);
// Throws std::bad_alloc only.
std::string gzip(std::string_view bytes);

// A body of gzip in pieces: what each one is made of can be decoded when it has arrived. Has about 64 KiB of memory.
class GzipStream {
public:
    // Throws std::bad_alloc, as all of it does.
    GzipStream();
    GzipStream(const GzipStream&) = delete;
    GzipStream& operator=(const GzipStream&) = delete;
    ~GzipStream();

    std::string add(std::string_view bytes);
    // What ends the body; nothing follows it.
    std::string finish();

private:
    struct Zlib;
    std::string deflate_all(std::string_view bytes, int flush);

    std::unique_ptr<Zlib> zlib_;
};

// For Router::after: says Vary, and compresses the body in place, or has the ResponseWriter do so.
void compress(const Request& request, Response& response);

}  // namespace stepwise::http
