// Base64 with the alphabet for URLs and file names, without padding (RFC 4648 §5).
//
//     std::string name = http::to_base64url("a/b?");
//     std::optional<std::string> bytes = http::from_base64url(name);
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stepwise::http {

std::string to_base64url(std::string_view bytes);
// Nothing unless the text is what to_base64url makes of some bytes: other characters, padding, a length that cannot be
// and bits that stand for nothing are refused, so that every value has one form.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace stepwise::http
