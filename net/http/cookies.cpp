#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/cookies.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace stepwise::http {

namespace {

// RFC 6265 §4.1.1, cookie-octet.
bool is_cookie_character(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code > 0x20 && code < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

// RFC 6265 §4.1.1, av-octet.
bool is_attribute_character(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code >= 0x20 && code < 0x7f && c != ';';
}

bool is_host_character(char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '.';
}

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
    throw std::invalid_argument(fmt::format("cookie '{}': {}", name, why));
}

bool begins_ignoring_case(std::string_view text, std::string_view prefix) {
    return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

std::string_view name_of(SameSite sites) {
    switch (sites) {
        case SameSite::strict:
            return "Strict";
        case SameSite::lax:
            return "Lax";
        case SameSite::none:
            return "None";
    }
    return "Lax";
}

}  // namespace

std::optional<CookieView> take_cookie(std::string_view& field) {
    while (!field.empty()) {
        const std::size_t semicolon = field.find(';');
        const std::string_view pair = trim_space(field.substr(0, semicolon));
        field.remove_prefix(semicolon == std::string_view::npos ? field.size() : semicolon + 1);
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos || equals == 0) continue;
        std::string_view value = trim_space(pair.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        return CookieView{trim_space(pair.substr(0, equals)), value};
    }
    return std::nullopt;
}

std::optional<std::string_view> find_cookie(const HeaderFields& headers, std::string_view name) {
    for (const HeaderField field : headers) {
        if (!equal_ignoring_case(field.name, "cookie")) continue;
        std::string_view rest = field.value;
        while (const std::optional<CookieView> cookie = take_cookie(rest)) {
            if (cookie->name == name) return cookie->value;
        }
    }
    return std::nullopt;
}

Cookie::Cookie(std::string_view name, std::string_view value) : name_(name), value_(value) {
    if (!is_token(name)) refuse(name, "a name is letters, digits and some signs, no space, '=' or ';'");
    if (!std::all_of(value.begin(), value.end(), is_cookie_character)) {
        refuse(name, "its value has a character that no cookie may have: encode it, or sign it");
    }
    if (name.size() + value.size() > cookie_bytes_max) {
        refuse(name, fmt::format("name and value are {} bytes, and browsers keep at most {}",
                                 name.size() + value.size(), cookie_bytes_max));
    }
}

Cookie& Cookie::lasts(std::chrono::seconds duration) {
    max_age_ = duration;
    return *this;
}

Cookie& Cookie::path(std::string_view path) {
    if (!path.starts_with('/') || !std::all_of(path.begin(), path.end(), is_attribute_character)) {
        refuse(name_, fmt::format("'{}' is no path: it begins with '/' and has no ';'", path));
    }
    path_ = path;
    return *this;
}

Cookie& Cookie::domain(std::string_view domain) {
    if (domain.empty() || domain.front() == '.' || domain.front() == '-' ||
        !std::all_of(domain.begin(), domain.end(), is_host_character)) {
        refuse(name_, fmt::format("'{}' is no host name", domain));
    }
    domain_ = domain;
    return *this;
}

Cookie& Cookie::same_site(SameSite sites) {
    same_site_ = sites;
    return *this;
}

Cookie& Cookie::secure() {
    secure_ = true;
    return *this;
}

Cookie& Cookie::open_to_scripts() {
    http_only_ = false;
    return *this;
}

std::string Cookie::field_value() const {
    const bool is_host_cookie = begins_ignoring_case(name_, "__Host-");
    if (same_site_ == SameSite::none && !secure_)
        refuse(name_, "SameSite=None is refused by browsers without secure()");
    if ((is_host_cookie || begins_ignoring_case(name_, "__Secure-")) && !secure_) {
        refuse(name_, "such a name is refused by browsers without secure()");
    }
    if (is_host_cookie && (path_ != "/" || !domain_.empty())) {
        refuse(name_, "such a name promises the path / and no domain");
    }
    std::string text = fmt::format("{}={}; Path={}", name_, value_, path_);
    if (!domain_.empty()) text += "; Domain=" + domain_;
    if (max_age_) text += fmt::format("; Max-Age={}", std::max<std::int64_t>(max_age_->count(), 0));
    if (secure_) text += "; Secure";
    if (http_only_) text += "; HttpOnly";
    text += "; SameSite=";
    text += name_of(same_site_);
    return text;
}

void set_cookie(Headers& headers, const Cookie& cookie) {
    headers.add("Set-Cookie", cookie.field_value());
}

void clear_cookie(Headers& headers, std::string_view name, std::string_view path, std::string_view domain) {
    Cookie cookie(name, "");
    cookie.path(path).lasts(std::chrono::seconds(0));
    if (!domain.empty()) cookie.domain(domain);
    if (begins_ignoring_case(name, "__Host-") || begins_ignoring_case(name, "__Secure-")) cookie.secure();
    set_cookie(headers, cookie);
}

}  // namespace stepwise::http
