#include <stepwise/net/http/target.hpp>

#include <algorithm>
#include <cstring>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

std::size_t scheme_size(std::string_view target) {
    for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
        if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) return scheme.size();
    }
    return 0;
}

bool is_valid_ip_literal(std::string_view inside_brackets) {
    const auto fits = [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; };
    return inside_brackets.find(':') != std::string_view::npos &&
           std::all_of(inside_brackets.begin(), inside_brackets.end(), fits);
}

void split_path(std::string_view path_and_query, TargetParts& parts) {
    const std::size_t mark = path_and_query.find('?');
    parts.path = path_and_query.substr(0, mark);
    if (mark != std::string_view::npos) parts.query = path_and_query.substr(mark + 1);
}

// The byte that an escape or a plain character at `index` stands for; moves `index` behind it. -1: broken.
int take_decoded_byte(std::string_view encoded, std::size_t& index) {
    const char c = encoded[index++];
    if (c != '%') return static_cast<unsigned char>(c);
    if (encoded.size() - index < 2) return -1;
    const int high = hex_value(encoded[index]);
    const int low = hex_value(encoded[index + 1]);
    if (high < 0 || low < 0) return -1;
    index += 2;
    return high * 16 + low;
}

}  // namespace

std::optional<TargetParts> split_target(std::string_view method, std::string_view target) {
    TargetParts parts{TargetForm::origin, {}, {}, {}};
    if (method == "CONNECT") {
        parts.form = TargetForm::authority;
        parts.authority = target;
        const std::size_t colon = target.rfind(':');
        const bool has_host_and_port = colon != std::string_view::npos && colon > 0 && colon + 1 < target.size();
        if (!has_host_and_port || !is_valid_host(target)) return std::nullopt;
        return parts;
    }
    if (target == "*") {
        parts.form = TargetForm::asterisk;
        parts.path = target;
        if (method != "OPTIONS") return std::nullopt;
        return parts;
    }
    if (target.empty() || target.front() != '/') {
        const std::size_t scheme = scheme_size(target);
        if (scheme == 0) return std::nullopt;
        parts.form = TargetForm::absolute;
        target.remove_prefix(scheme);
        const std::size_t authority_end = std::min(target.find_first_of("/?"), target.size());
        parts.authority = target.substr(0, authority_end);
        // An http URI without a host is invalid, and one with user information is refused (RFC 9110 §4.2.1, §4.2.4).
        const bool has_host = !parts.authority.empty() && parts.authority.front() != ':';
        if (!has_host || !is_valid_host(parts.authority)) return std::nullopt;
        target.remove_prefix(authority_end);
    }
    split_path(target, parts);
    if (!has_valid_escapes(parts.path)) return std::nullopt;
    return parts;
}

bool is_valid_host(std::string_view host) {
    std::string_view port;
    if (!host.empty() && host.front() == '[') {
        const std::size_t bracket = host.find(']');
        if (bracket == std::string_view::npos || !is_valid_ip_literal(host.substr(1, bracket - 1))) return false;
        port = host.substr(bracket + 1);
    } else {
        std::size_t end = 0;
        std::uint8_t seen = 0;
        while (end < host.size() && is_in_class(host[end], character_class::host)) seen |= classes_of(host[end++]);
        if ((seen & character_class::mark) != 0 && !has_valid_escapes(host.substr(0, end))) return false;
        port = host.substr(end);
    }
    if (port.empty()) return true;
    if (port.front() != ':') return false;
    port.remove_prefix(1);
    return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

bool has_valid_escapes(std::string_view encoded) {
    if (encoded.empty() || std::memchr(encoded.data(), '%', encoded.size()) == nullptr) return true;
    for (std::size_t index = 0; index < encoded.size();) {
        if (take_decoded_byte(encoded, index) <= 0) return false;
    }
    return true;
}

std::optional<std::size_t> percent_decode(std::string_view encoded, char* out, PlusSign plus) {
    std::size_t size = 0;
    for (std::size_t index = 0; index < encoded.size();) {
        const bool is_plus = plus == PlusSign::is_space && encoded[index] == '+';
        const int byte = take_decoded_byte(encoded, index);
        if (byte < 0) return std::nullopt;
        out[size++] = is_plus ? ' ' : static_cast<char>(byte);
    }
    return size;
}

std::optional<std::string> percent_decode(std::string_view encoded, PlusSign plus) {
    std::string decoded(encoded.size(), '\0');
    const std::optional<std::size_t> size = percent_decode(encoded, decoded.data(), plus);
    if (!size) return std::nullopt;
    decoded.resize(*size);
    return decoded;
}

bool is_safe_path(std::string_view path) {
    std::size_t dots = 0;
    bool only_dots = true;
    for (std::size_t index = 0; index < path.size();) {
        const int byte = take_decoded_byte(path, index);
        if (byte <= 0 || byte == '\\') return false;
        if (byte == '/') {
            if (only_dots && dots == 2) return false;
            dots = 0;
            only_dots = true;
        } else if (byte == '.') {
            ++dots;
        } else {
            only_dots = false;
        }
    }
    return !(only_dots && dots == 2);
}

std::string percent_encode_path(std::string_view path) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    static constexpr std::string_view unreserved = "-._~/";
    std::string encoded;
    for (const char c : path) {
        if (is_letter(c) || is_digit(c) || unreserved.find(c) != std::string_view::npos) {
            encoded += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += digits[byte >> 4];
        encoded += digits[byte & 15];
    }
    return encoded;
}

std::optional<QueryArgument> take_query_argument(std::string_view& query) {
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        return QueryArgument{pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))};
    }
    return std::nullopt;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
    while (const std::optional<QueryArgument> argument = take_query_argument(query)) {
        const bool is_plain = argument->name.find_first_of("%+") == std::string_view::npos;
        const bool matches =
            is_plain ? argument->name == name : percent_decode(argument->name, PlusSign::is_space) == name;
        if (matches) return percent_decode(argument->value, PlusSign::is_space);
    }
    return std::nullopt;
}

}  // namespace stepwise::http
