// What a redirect makes of a request (RFC 9110 §15.4), as a function without I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/url.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

// 301, 302, 303, 307 and 308.
bool is_redirect(int status) noexcept;

// Where a response of `status` to this request at `url` sends whoever asked: nothing, with a reason in `why`, for a
// location that is no URL, or none of http and https.
std::optional<net::Url> redirect_target(const net::Url& url, std::string_view location, std::string& why);

// Whether a redirect asks for the request's body again: what came from a source cannot be told twice.
bool redirect_sends_body(const FetchRequest& request, int status) noexcept;

// Takes out what only the origin that was asked first may know: credentials, cookies, its Host.
void drop_fields_of_origin(Headers& headers);

// Makes the request one for `target`: a POST becomes a GET for 301 and 302, everything but HEAD does for 303, and what
// only the first origin may know is taken out where `target` is another one.
void redirect_request(FetchRequest& request, int status, const net::Url& url, const net::Url& target);

}  // namespace stepwise::http
