// Request targets: their four forms, percent-decoding, query arguments, and paths that climb out of their root
// (RFC 9112 §3.2, RFC 3986). All strict: a broken escape is never passed on as text.
//
//     std::optional<std::string> name = http::query_value("id=7&name=Ada+L", "name");   // "Ada L"
//     bool safe = http::is_safe_path("/pages/%2e%2e/secret");                           // false
//
// Works on views, keeps nothing. Decoding a whole path once is for `Request`; decoding twice is for nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stepwise::http {

enum class TargetForm : std::uint8_t {
    origin,     // /path?query
    absolute,   // http://host/path?query
    authority,  // host:port, for CONNECT only
    asterisk    // *, for OPTIONS only
};

struct TargetParts {
    TargetForm form;
    std::string_view authority;  // of the absolute and the authority form
    std::string_view path;       // as it came, escapes and all; "*" of the asterisk form; may be empty
    std::string_view query;      // behind the '?', without it
};

// Nothing when the target has none of the forms that this method may have, or when its path or authority is invalid.
std::optional<TargetParts> split_target(std::string_view method, std::string_view target);

// uri-host [ ":" port ] of a Host field or an authority (RFC 9110 §7.2). Empty is valid: a client whose target has no
// authority must send it so.
bool is_valid_host(std::string_view host);

// Every '%' is followed by two hexadecimal digits and none of them hides a NUL.
bool has_valid_escapes(std::string_view encoded);

enum class PlusSign : std::uint8_t { stays, is_space };

// Writes at most encoded.size() bytes to `out` and returns how many; nothing at a broken escape.
std::optional<std::size_t> percent_decode(std::string_view encoded, char* out, PlusSign plus = PlusSign::stays);
std::optional<std::string> percent_decode(std::string_view encoded, PlusSign plus = PlusSign::stays);

// False for a path, as it came, with a ".." segment (also one written with escapes or behind an escaped slash), a
// backslash, a NUL or a broken escape: not to be joined to a folder's name.
bool is_safe_path(std::string_view path);

// What may not stand in a path as it is becomes an escape; slashes stay.
std::string percent_encode_path(std::string_view path);

struct QueryArgument {
    std::string_view name;   // still encoded
    std::string_view value;  // still encoded; empty without '='
};

// Takes the first `name=value` off a query; nothing when none is left. Empty ones ("a=1&&b=2") are passed over.
std::optional<QueryArgument> take_query_argument(std::string_view& query);

// The decoded value of the first argument of that name ('+' means a space); nothing when there is none or its escapes
// are broken.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace stepwise::http
