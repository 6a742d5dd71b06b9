// How the end of a body is told (RFC 9112 §6.3): what a parser has found, or a writer has chosen.
#pragma once

#include <cstdint>

namespace stepwise::http {

enum class BodyFraming : std::uint8_t {
    none,            // there is no body: HEAD, 204, 205, 304, a request without content
    content_length,  // exactly that many bytes
    chunked,         // the last chunk, and trailers behind it
    until_close      // the connection's end: responses only
};

}  // namespace stepwise::http
