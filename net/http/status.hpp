// Status codes and their phrases (RFC 9110 §15), with the status lines ready-made.
//
//     std::string_view phrase = http::reason_phrase(404);   // "Not Found"
#pragma once

#include <string_view>

namespace stepwise::http {

// "Not Found" for 404; empty for a code that has no registered phrase.
std::string_view reason_phrase(int status);

// "HTTP/1.1 404 Not Found\r\n"; empty for a code that has no registered phrase.
std::string_view status_line(int status);

}  // namespace stepwise::http
