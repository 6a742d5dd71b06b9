// Requests that hold only for a certain state of what they name: If-Match, If-None-Match, If-Modified-Since,
// If-Unmodified-Since and If-Range (RFC 9110 §13), in the order of precedence of §13.2.2.
//
//     http::Validators validators{.etag = R"("v7")", .last_modified = changed_at};
//     http::Precondition result = http::check_preconditions(request, validators);   // go_on, not_modified (304) …
//
// Does no I/O and has no clock. For responses in memory see answer_conditionally, which is given to Router::after.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <stepwise/net/http/message.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

// What a representation has: an entity tag as it is sent, with quotes, W/"…" for a weak one; empty: none.
struct Validators {
    std::string_view etag;
    std::optional<std::time_t> last_modified;
};

enum class Precondition : std::uint8_t {
    go_on,
    not_modified,  // 304: what the client has is still good
    failed         // 412: what the client knows is not what is there
};

// One that is no date or no list of tags counts as absent, If-Match excepted, which then matches nothing.
Precondition check_preconditions(const Request& request, const Validators& validators);
// Whether Range counts: there is no If-Range, or it names exactly what is there.
bool range_applies(const Request& request, const Validators& validators);

// "Sun, 06 Nov 1994 08:49:37 GMT" and the two obsolete forms (RFC 9110 §5.6.7).
std::optional<std::time_t> parse_http_date(std::string_view text);
// A strong tag of these bytes, with its quotes.
std::string etag_of(std::string_view bytes);

// For Router::after: what answered GET or HEAD with 200 and an ETag or Last-Modified becomes 304, 412, or, if it has a
// body, 206 or 416 for a Range.
void answer_conditionally(const Request& request, Response& response);
// For Router::after, before the one above: gives what answered GET or HEAD with 200 the tag of its body.
void add_etag(const Request& request, Response& response);

}  // namespace stepwise::http
