// Which bytes may stand where in an HTTP/1.1 head, as one table lookup, and the few text helpers that every file of
// the protocol needs. RFC 9110 §5.6.2 (token), §5.5 (field values), RFC 9112 §3.2 (request target). ASCII only: none
// of this looks at the locale.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stepwise::http {

namespace character_class {
inline constexpr std::uint8_t token = 1;   // a method or a field name
inline constexpr std::uint8_t value = 2;   // inside a field value: VCHAR, obs-text, SP, HTAB
inline constexpr std::uint8_t target = 4;  // inside a request target
inline constexpr std::uint8_t host = 8;    // inside a reg-name, the percent sign included
inline constexpr std::uint8_t mark = 16;   // what a target has more of than a path that needs no decoding: % and ?
}  // namespace character_class

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_space(char c) {
    return c == ' ' || c == '\t';
}

constexpr std::array<std::uint8_t, 256> make_character_table() {
    std::array<std::uint8_t, 256> table{};
    for (int i = 0; i < 256; ++i) {
        const char c = static_cast<char>(i);
        const bool visible = i > 0x20 && i < 0x7f;
        const auto one_of = [c](std::string_view set) { return set.find(c) != std::string_view::npos; };
        const bool alphanumeric = is_letter(c) || is_digit(c);
        std::uint8_t classes = 0;
        if (alphanumeric || one_of("!#$%&'*+-.^_`|~")) classes |= character_class::token;
        if (visible || i >= 0x80 || is_space(c)) classes |= character_class::value;
        // Wider than RFC 3986: browsers send these raw in queries (| ^ ` { } \ [ ]), as the URL Standard tells them.
        if (visible && !one_of("\"#<>")) classes |= character_class::target;
        if (alphanumeric || one_of("-._~!$&'()*+,;=%")) classes |= character_class::host;
        if (one_of("%?")) classes |= character_class::mark;
        table[static_cast<std::size_t>(i)] = classes;
    }
    return table;
}

inline constexpr std::array<std::uint8_t, 256> character_table = make_character_table();

constexpr std::uint8_t classes_of(char c) {
    return character_table[static_cast<unsigned char>(c)];
}
constexpr bool is_in_class(char c, std::uint8_t wanted) {
    return (classes_of(c) & wanted) != 0;
}
constexpr bool is_token_character(char c) {
    return is_in_class(c, character_class::token);
}
constexpr bool is_value_character(char c) {
    return is_in_class(c, character_class::value);
}

constexpr bool is_all_of_class(std::string_view text, std::uint8_t wanted) {
    for (const char c : text) {
        if (!is_in_class(c, wanted)) return false;
    }
    return true;
}
constexpr bool is_token(std::string_view text) {
    return !text.empty() && is_all_of_class(text, character_class::token);
}

constexpr char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (left[i] != right[i] && to_lower(left[i]) != to_lower(right[i])) return false;
    }
    return true;
}

// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr std::string_view trim_space(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

// Takes the first element off a comma-separated list (RFC 9110 §5.6.1), trimmed; it may be empty.
constexpr std::string_view take_list_element(std::string_view& list) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim_space(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    return element;
}

}  // namespace stepwise::http
