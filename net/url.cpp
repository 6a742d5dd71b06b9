#include <arpa/inet.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/url.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace stepwise::net {

namespace {

using http::hex_value;
using http::is_digit;
using http::is_letter;

constexpr std::size_t shown_bytes_max = 100;
constexpr std::size_t host_bytes_max = 253;  // RFC 1035 §2.3.4, without the length bytes and the root's dot
constexpr std::size_t label_bytes_max = 63;

bool is_one_of(char byte, std::string_view set) {
    return set.find(byte) != std::string_view::npos;
}

std::string name_of(char byte) {
    if (byte == ' ') return "a space";
    if (byte > 0x20 && byte < 0x7f) return fmt::format("'{}'", byte);
    return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(byte));
}

std::string shown(std::string_view text) {
    std::string line(text.substr(0, shown_bytes_max));
    for (char& byte : line) {
        if (byte < 0x20 || byte == 0x7f) byte = '?';
    }
    return text.size() > shown_bytes_max ? line + "..." : line;
}

std::uint16_t default_port(std::string_view scheme) {
    if (scheme == "http" || scheme == "ws") return 80;
    if (scheme == "https" || scheme == "wss") return 443;
    return 0;
}

bool is_ipv4(const std::string& host) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

// Everybody's readers of addresses take "127.1" or "0x7f000001" for one too, each in its own way.
bool ends_in_a_number(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    const std::string_view label = host.substr(host.rfind('.') + 1);
    if (label.empty()) return false;
    const bool is_hexadecimal = label.starts_with("0x");
    return std::all_of(label.begin() + (is_hexadecimal ? 2 : 0), label.end(),
                       [=](char c) { return is_hexadecimal ? hex_value(c) >= 0 : is_digit(c); });
}

std::string check_name(const std::string& host) {
    if (host.size() > host_bytes_max) return fmt::format("the host is longer than {} bytes", host_bytes_max);
    std::string_view rest = host;
    if (rest.ends_with('.')) rest.remove_suffix(1);  // the root, written out
    for (bool is_last = false; !is_last;) {
        const std::size_t dot = rest.find('.');
        is_last = dot == std::string_view::npos;
        const std::string_view label = rest.substr(0, dot);
        if (label.empty()) return "a part of the host is empty";
        if (label.size() > label_bytes_max) {
            return fmt::format("a part of the host is longer than {} bytes", label_bytes_max);
        }
        if (!is_last) rest.remove_prefix(dot + 1);
    }
    if (ends_in_a_number(host) && !is_ipv4(host)) return "the host ends in a number but is no IPv4 address";
    return {};
}

// An empty text: it is fine.
std::string take_host(std::string_view& authority, std::string& host) {
    if (authority.starts_with('[')) {
        const std::size_t bracket = authority.find(']');
        if (bracket == std::string_view::npos) return "the host has a '[' without its ']'";
        host = authority.substr(1, bracket - 1);
        authority.remove_prefix(bracket + 1);
        in6_addr address{};
        if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return "what stands in brackets is no IPv6 address";
        std::transform(host.begin(), host.end(), host.begin(), http::to_lower);
        return {};
    }
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    host = authority.substr(0, colon);
    authority.remove_prefix(colon);
    if (host.empty()) return "it has no host";
    for (char& byte : host) {
        if (!is_letter(byte) && !is_digit(byte) && !is_one_of(byte, "-._")) {
            return fmt::format("{} in the host", name_of(byte));
        }
        byte = http::to_lower(byte);
    }
    return check_name(host);
}

std::string take_port(std::string_view text, std::uint16_t& port) {
    if (text.empty()) return {};
    if (text.front() != ':') return fmt::format("{} behind the host", name_of(text.front()));
    text.remove_prefix(1);
    if (text.empty()) return {};  // "host:" is the default port (RFC 3986 §3.2.3)
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port == 0) {
        return fmt::format("the port must be a number from 1 to 65535, not '{}'", shown(text));
    }
    return {};
}

std::string check_path_and_query(std::string_view text) {
    for (std::size_t index = 0; index < text.size(); ++index) {
        const char byte = text[index];
        if (byte == '%') {
            if (text.size() - index < 3 || hex_value(text[index + 1]) < 0 || hex_value(text[index + 2]) < 0) {
                return fmt::format("'{}' is not a percent escape", text.substr(index, 3));
            }
        } else if (!is_letter(byte) && !is_digit(byte) && !is_one_of(byte, "-._~!$&'()*+,;=:@/?")) {
            return fmt::format("{} must be written %{:02X}", name_of(byte), static_cast<unsigned char>(byte));
        }
    }
    return {};
}

// Before anything else is looked at: what no part of a URL may hold.
std::string check_bytes(std::string_view text) {
    for (std::size_t index = 0; index < text.size(); ++index) {
        const char byte = text[index];
        if (byte <= 0x20 || byte >= 0x7f) return fmt::format("{} at offset {}", name_of(byte), index);
    }
    return {};
}

// RFC 3986 §3.1: letters, digits, '+', '-', '.', and a colon behind them, before any '/', '?' or '#'.
bool has_scheme(std::string_view reference) {
    const std::size_t end = reference.find_first_of(":/?#");
    if (end == std::string_view::npos || end == 0 || reference[end] != ':' || !is_letter(reference[0])) return false;
    return std::all_of(reference.begin(), reference.begin() + static_cast<std::ptrdiff_t>(end),
                       [](char c) { return is_letter(c) || is_digit(c) || is_one_of(c, "+-."); });
}

// RFC 3986 §5.2.4, for a path that begins with '/'.
std::string without_dot_segments(std::string_view path) {
    std::string out;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/', 1), path.size());
        const std::string_view segment = path.substr(1, end - 1);
        const bool is_last = end == path.size();
        if (segment == "..") out.resize(std::min(out.size(), out.rfind('/')));
        if (segment != ".." && segment != ".") {
            out.append(path.substr(0, end));
        } else if (is_last) {
            out += '/';
        }
        path.remove_prefix(end);
    }
    return out;
}

}  // namespace

std::optional<Url> Url::join(std::string_view reference, std::string& error) const {
    if (has_scheme(reference)) return parse(reference, error);
    if (reference.starts_with("//")) return parse(scheme_ + ":" + std::string(reference), error);
    reference = reference.substr(0, reference.find('#'));
    const std::string_view own_path = std::string_view(path_and_query_).substr(0, path_and_query_.find('?'));
    const std::string_view path = reference.substr(0, reference.find('?'));
    const std::string_view query = reference.substr(path.size());
    std::string joined = scheme_ + "://" + host_field();
    if (reference.empty()) {
        joined += path_and_query_;
    } else if (path.empty()) {
        joined.append(own_path).append(query);
    } else if (path.front() == '/') {
        joined.append(without_dot_segments(path)).append(query);
    } else {
        std::string merged(own_path.substr(0, own_path.rfind('/') + 1));
        joined.append(without_dot_segments(merged.append(path))).append(query);
    }
    return parse(joined, error);
}

std::optional<Url> Url::parse(std::string_view text, std::string& error) {
    Url url;
    const auto refuse = [text, &error](std::string_view why) {
        error = fmt::format("'{}' is not a URL: {}", shown(text), why);
        return std::nullopt;
    };
    if (const std::string why = check_bytes(text); !why.empty()) return refuse(why);
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos)
        return refuse("it does not begin with http://, https://, ws:// or wss://");
    url.scheme_ = text.substr(0, scheme_end);
    std::transform(url.scheme_.begin(), url.scheme_.end(), url.scheme_.begin(), http::to_lower);
    url.port_ = default_port(url.scheme_);
    if (url.port_ == 0) return refuse("the scheme must be http, https, ws or wss");

    std::string_view rest = text.substr(scheme_end + 3);
    rest = rest.substr(0, rest.find('#'));
    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    std::string_view authority = rest.substr(0, authority_end);
    if (is_one_of('@', authority)) return refuse("user information before the host is not accepted");
    if (const std::string why = take_host(authority, url.host_); !why.empty()) return refuse(why);
    if (const std::string why = take_port(authority, url.port_); !why.empty()) return refuse(why);

    rest.remove_prefix(authority_end);
    if (const std::string why = check_path_and_query(rest); !why.empty()) return refuse(why);
    url.path_and_query_ = rest.starts_with('/') ? "" : "/";
    url.path_and_query_ += rest;
    return url;
}

std::string Url::host_field() const {
    std::string field = is_one_of(':', host_) ? '[' + host_ + ']' : host_;
    if (port_ != default_port(scheme_)) field += fmt::format(":{}", port_);
    return field;
}

std::string Url::to_string() const {
    return scheme_ + "://" + host_field() + path_and_query_;
}

}  // namespace stepwise::net
