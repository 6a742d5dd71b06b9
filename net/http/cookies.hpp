// Cookies as a server sees them: those that a request brings, and the Set-Cookie field that makes one (RFC 6265 §4).
//
//     std::optional<std::string_view> seen = http::find_cookie(request.headers(), "seen");
//     http::set_cookie(response.headers, http::Cookie("seen", "yes").lasts(std::chrono::hours(24)));
//
// Strict in what is sent: a value or an attribute that a browser would read as something else throws
// std::invalid_argument. Lenient in what is read: pieces that are no cookies are passed over. A value is anybody's
// word: for one that nobody else can make, see signed_cookies.hpp. Views are as short-lived as the request's head.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stepwise/net/http/header_fields.hpp>
#include <stepwise/net/http/headers.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

// What browsers keep of one cookie: its name and value together.
inline constexpr std::size_t cookie_bytes_max = 4096;

struct CookieView {
    std::string_view name;
    std::string_view value;  // as it came; one pair of quotes around it is taken off
};

// Takes the first cookie off the value of a Cookie field; nothing when none is left.
std::optional<CookieView> take_cookie(std::string_view& field);

// The value of the first cookie of that name, in all Cookie fields. Names differ by case.
std::optional<std::string_view> find_cookie(const HeaderFields& headers, std::string_view name);

// Whether the browser sends it along with requests that another site has caused (RFC 6265bis §5.5.7). `none` is for
// cookies that are to be sent by pages of other sites, and asks for `secure`.
enum class SameSite : std::uint8_t { strict, lax, none };

// One that a response sets. Without more said: for the whole site, hidden from scripts, not sent by other sites'
// pages, until the browser closes.
class Cookie {
public:
    // Throws std::invalid_argument: a name that is no token, a value with a character that RFC 6265 §4.1.1 does not
    // allow (space, quote, comma, semicolon, backslash, control characters, all beyond ASCII), or more than
    // cookie_bytes_max together.
    Cookie(std::string_view name, std::string_view value);

    // How long the browser keeps it; zero or less: not at all, which is how one is taken back.
    Cookie& lasts(std::chrono::seconds duration);
    // Only for paths below. Throws std::invalid_argument unless it begins with a slash.
    Cookie& path(std::string_view path);
    // For this host and its subdomains; without it for the very host alone. Throws std::invalid_argument for what is
    // no host name.
    Cookie& domain(std::string_view domain);
    Cookie& same_site(SameSite sites);
    // Over https only.
    Cookie& secure();
    // Scripts of the page may read it.
    Cookie& open_to_scripts();

    const std::string& name() const { return name_; }
    // The value of the Set-Cookie field. Throws std::invalid_argument for what a browser would refuse: SameSite=None
    // without Secure, and the promises of the names __Secure-… and __Host-… (RFC 6265bis §4.1.3).
    std::string field_value() const;

private:
    std::string name_;
    std::string value_;
    std::string path_ = "/";
    std::string domain_;
    std::optional<std::chrono::seconds> max_age_;
    SameSite same_site_ = SameSite::lax;
    bool secure_ = false;
    bool http_only_ = true;
};

// Adds the field; an earlier one of this response for the same name stays, and the browser takes the last.
void set_cookie(Headers& headers, const Cookie& cookie);
// Takes one back: the path and domain must be those with which it was set.
void clear_cookie(Headers& headers, std::string_view name, std::string_view path = "/", std::string_view domain = {});

}  // namespace stepwise::http
