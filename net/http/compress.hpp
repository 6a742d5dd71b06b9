// gzip for those who take it (RFC 9110 §12.5.3, RFC 1952).
//
//     router.after(http::compress);
//
// Only what gains by it: texts of some length. What has a Content-Encoding, a range, "no-transform" or a strong tag's
// promise of very bytes is handled as RFC 9110 says: left alone, or its tag made weak. Does no I/O.
#pragma once

#include <cstddef>
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

// For Router::after: says Vary, and compresses the body in place.
void compress(const Request& request, Response& response);

}  // namespace stepwise::http
