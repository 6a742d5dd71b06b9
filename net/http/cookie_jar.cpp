#include <arpa/inet.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/cookie_jar.hpp>
#include <stepwise/net/http/cookies.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace stepwise::http {

namespace {

using Clock = CookieJar::Clock;

bool is_address(const std::string& host) {
    in_addr four{};
    in6_addr six{};
    return inet_pton(AF_INET, host.c_str(), &four) == 1 || inet_pton(AF_INET6, host.c_str(), &six) == 1;
}

// RFC 6265 §5.1.3.
bool domain_matches(const std::string& host, std::string_view domain) {
    if (host == domain) return true;
    return host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.' &&
           !is_address(host);
}

std::string_view path_of(const net::Url& url) {
    const std::string_view text = url.path_and_query();
    return text.substr(0, text.find('?'));
}

// RFC 6265 §5.1.4.
std::string_view default_path(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 || slash == std::string_view::npos ? "/" : path.substr(0, slash);
}

bool path_matches(std::string_view path, std::string_view of_cookie) {
    return path.starts_with(of_cookie) &&
           (path.size() == of_cookie.size() || of_cookie.ends_with('/') || path[of_cookie.size()] == '/');
}

// As servers that do not look at case would read it (RFC 6265bis §5.7).
bool has_prefix(std::string_view name, std::string_view prefix) {
    return equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

std::string_view take_part(std::string_view& rest) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return trim_space(part);
}

struct Pair {
    std::string_view name;
    std::string_view value;
};

Pair split(std::string_view part) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return {part, {}};
    return {trim_space(part.substr(0, equals)), trim_space(part.substr(equals + 1))};
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::optional<Clock::time_point> after_seconds(std::string_view value, Clock::time_point now) {
    long long seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (end != value.data() + value.size() || value.empty()) return std::nullopt;
    // RFC 6265bis §5.5: 400 days are enough for everybody.
    constexpr long long seconds_max = 400LL * 24 * 3600;
    if (error == std::errc::result_out_of_range) seconds = value.front() == '-' ? 0 : seconds_max;
    return now + std::chrono::seconds(std::clamp(seconds, 0LL, seconds_max));
}

// "08:49:37", each part of one or two digits; what stands behind it does not matter.
bool read_time(std::string_view token, std::array<int, 3>& time) {
    std::size_t at = 0;
    for (std::size_t part = 0; part < 3; ++part) {
        std::size_t digits = 0;
        time[part] = 0;
        while (at < token.size() && is_digit(token[at]) && digits < 3) {
            time[part] = time[part] * 10 + (token[at++] - '0');
            ++digits;
        }
        if (digits == 0 || digits > 2) return false;
        if (part < 2 && (at == token.size() || token[at++] != ':')) return false;
    }
    return true;
}

// The digits that a token begins with, if there are as many as that.
std::optional<int> read_number(std::string_view token, std::size_t digits_min, std::size_t digits_max) {
    std::size_t digits = 0;
    int number = 0;
    while (digits < token.size() && digits <= digits_max && is_digit(token[digits])) {
        number = number * 10 + (token[digits++] - '0');
    }
    if (digits < digits_min || digits > digits_max) return std::nullopt;
    return number;
}

std::optional<unsigned> read_month(std::string_view token) {
    constexpr std::array<std::string_view, 12> months{"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
    if (token.size() < 3) return std::nullopt;
    for (unsigned month = 0; month < months.size(); ++month) {
        if (equal_ignoring_case(token.substr(0, 3), months[month])) return month + 1;
    }
    return std::nullopt;
}

bool is_date_delimiter(char c) {
    return !(is_digit(c) || is_letter(c) || c == ':' || static_cast<unsigned char>(c) >= 0x7f);
}

}  // namespace

std::optional<Clock::time_point> parse_cookie_date(std::string_view text) {
    std::optional<std::array<int, 3>> time;
    std::optional<int> day;
    std::optional<unsigned> month;
    std::optional<int> year;
    while (!text.empty()) {
        const auto end = std::find_if(text.begin(), text.end(), is_date_delimiter);
        const std::string_view token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
        text.remove_prefix(std::min(token.size() + 1, text.size()));
        if (token.empty()) continue;
        if (std::array<int, 3> read{}; !time && read_time(token, read)) {
            time = read;
        } else if (auto found_day = read_number(token, 1, 2); !day && found_day) {
            day = found_day;
        } else if (auto found_month = read_month(token); !month && found_month) {
            month = found_month;
        } else if (auto found_year = read_number(token, 2, 4); !year && found_year) {
            year = found_year;
        }
    }
    if (!time || !day || !month || !year) return std::nullopt;
    if (*year >= 70 && *year <= 99) *year += 1900;
    if (*year < 70) *year += 2000;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    const auto [hour, minute, second] = *time;
    if (!date.ok() || *year < 1601 || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return Clock::time_point(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

void CookieJar::take(const net::Url& url, const ReceivedHeaders& headers, Clock::time_point now) {
    for (const HeaderField field : headers) {
        if (equal_ignoring_case(field.name, "Set-Cookie")) take(url, field.value, now);
    }
}

bool CookieJar::take(const net::Url& url, std::string_view set_cookie, Clock::time_point now) {
    std::string_view rest = set_cookie;
    const Pair named = split(take_part(rest));
    if (named.name.empty() || set_cookie.find('=') == std::string_view::npos) return false;
    if (named.name.size() + named.value.size() > cookie_bytes_max || has_control_character(set_cookie)) return false;
    Stored cookie;
    cookie.name = named.name;
    cookie.value = named.value;
    cookie.domain = url.host();
    cookie.path = default_path(path_of(url));
    cookie.used = now;
    bool has_max_age = false;
    while (!rest.empty()) {
        const auto [name, value] = split(take_part(rest));
        if (equal_ignoring_case(name, "Secure")) {
            cookie.secure = true;
        } else if (equal_ignoring_case(name, "Path")) {
            cookie.path = value.starts_with('/') ? value : default_path(path_of(url));
        } else if (equal_ignoring_case(name, "Max-Age")) {
            if (const auto expires = after_seconds(value, now)) {
                cookie.expires = expires;
                has_max_age = true;
            }
        } else if (equal_ignoring_case(name, "Expires")) {
            if (const auto expires = parse_cookie_date(value); expires && !has_max_age) cookie.expires = expires;
        } else if (equal_ignoring_case(name, "Domain") && !value.empty()) {
            std::string domain(value.starts_with('.') ? value.substr(1) : value);
            std::transform(domain.begin(), domain.end(), domain.begin(), to_lower);
            if (!domain_matches(url.host(), domain)) return false;
            if (domain != url.host() && domain.find('.') == std::string::npos) return false;
            cookie.host_only = is_address(domain);
            cookie.domain = std::move(domain);
        }
    }
    if (!url.is_secure() && (cookie.secure || would_hide_secure(cookie))) return false;
    if (has_prefix(cookie.name, "__Secure-") && !cookie.secure) return false;
    if (has_prefix(cookie.name, "__Host-") && !(cookie.secure && cookie.host_only && cookie.path == "/")) return false;
    put(std::move(cookie));
    drop_expired(now);
    return true;
}

// RFC 6265bis §5.7: whoever reads the plain text could else put a cookie of his own where one stands that is secure.
bool CookieJar::would_hide_secure(const Stored& cookie) const {
    return std::any_of(cookies_.begin(), cookies_.end(), [&](const Stored& other) {
        return other.secure && other.name == cookie.name && path_matches(cookie.path, other.path) &&
               (domain_matches(other.domain, cookie.domain) || domain_matches(cookie.domain, other.domain));
    });
}

void CookieJar::put(Stored cookie) {
    const auto same = std::find_if(cookies_.begin(), cookies_.end(), [&](const Stored& other) {
        return other.name == cookie.name && other.domain == cookie.domain && other.path == cookie.path &&
               other.host_only == cookie.host_only;
    });
    if (same != cookies_.end()) {
        cookie.order = same->order;
        *same = std::move(cookie);
        return;
    }
    cookie.order = made_++;
    if (cookies_.size() >= cookies_max) {
        cookies_.erase(std::min_element(cookies_.begin(), cookies_.end(), [](const Stored& left, const Stored& right) {
            return left.used < right.used;
        }));
    }
    cookies_.push_back(std::move(cookie));
}

void CookieJar::drop_expired(Clock::time_point now) {
    std::erase_if(cookies_, [now](const Stored& cookie) { return cookie.expires && *cookie.expires <= now; });
}

std::string CookieJar::field_for(const net::Url& url, Clock::time_point now) {
    drop_expired(now);
    std::vector<Stored*> going;
    for (Stored& cookie : cookies_) {
        const bool host_fits =
            cookie.host_only ? cookie.domain == url.host() : domain_matches(url.host(), cookie.domain);
        if (!host_fits || (cookie.secure && !url.is_secure()) || !path_matches(path_of(url), cookie.path)) continue;
        cookie.used = now;
        going.push_back(&cookie);
    }
    std::sort(going.begin(), going.end(), [](const Stored* left, const Stored* right) {
        return left->path.size() != right->path.size() ? left->path.size() > right->path.size()
                                                       : left->order < right->order;
    });
    std::string field;
    for (const Stored* cookie : going) {
        field.append(field.empty() ? "" : "; ").append(cookie->name).append("=").append(cookie->value);
    }
    return field;
}

}  // namespace stepwise::http
