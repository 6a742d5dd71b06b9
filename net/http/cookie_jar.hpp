// CookieJar: the cookies that servers have set, and which of them go back with a request (RFC 6265 §5).
//
//     auto jar = std::make_shared<http::CookieJar>();
//     http::Client::Options options;
//     options.cookies = jar;
//
// Strict where a cookie could reach a server that must not see it: a Domain must be the host itself or a domain above
// it with a dot in it, Secure is neither set nor sent nor replaced in plain text, the promises of names that begin with
// __Secure- and __Host- hold. There is no list of public suffixes: "co.uk" is taken for a domain like others. Bounded:
// beyond cookies_max the one that was used longest ago goes. A value; one thread. What a server says never throws.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <stepwise/net/http/received_headers.hpp>
#include <stepwise/net/url.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

class CookieJar {
public:
    using Clock = std::chrono::system_clock;
    static constexpr std::size_t cookies_max = 1000;

    // Takes the Set-Cookie fields of a response of `url`.
    void take(const net::Url& url, const ReceivedHeaders& headers, Clock::time_point now = Clock::now());
    // One of them. False: it says nothing that is to be kept.
    bool take(const net::Url& url, std::string_view set_cookie, Clock::time_point now = Clock::now());
    // The Cookie field of a request for `url`, longer paths first; empty for none.
    std::string field_for(const net::Url& url, Clock::time_point now = Clock::now());

    std::size_t size() const noexcept { return cookies_.size(); }
    void clear() noexcept { cookies_.clear(); }

private:
    struct Stored {
        std::string name;
        std::string value;
        std::string domain;
        std::string path;
        std::optional<Clock::time_point> expires;  // nothing: as long as the jar
        Clock::time_point used;
        std::size_t order = 0;
        bool host_only = true;
        bool secure = false;
    };

    bool would_hide_secure(const Stored& cookie) const;
    void put(Stored cookie);
    void drop_expired(Clock::time_point now);

    std::vector<Stored> cookies_;
    std::size_t made_ = 0;
};

// The date of an Expires attribute, as lenient as RFC 6265 §5.1.1 asks; nothing for what is none.
std::optional<std::chrono::system_clock::time_point> parse_cookie_date(std::string_view text);

}  // namespace stepwise::http
