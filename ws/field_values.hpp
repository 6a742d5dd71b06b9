// The values of one header field's lines, for the handshake: in order, as the HTTP parser gives them, with no white
// space around them. An absent field is empty, a repeated one has several values. Views only.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace stepwise::ws {

using FieldValues = std::vector<std::string_view>;

inline bool equal_ignoring_case(std::string_view left, std::string_view right) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [lower](char a, char b) { return lower(a) == lower(b); });
}

// The first element of a comma-separated list, spread over any number of lines, that `accepts` takes (RFC 9110
// §5.6.1); empty elements are passed over.
template <class Predicate>
std::optional<std::string_view> find_element(const FieldValues& lines, Predicate accepts) {
    for (std::string_view line : lines) {
        while (!line.empty()) {
            const std::size_t comma = std::min(line.find(','), line.size());
            std::string_view element = line.substr(0, comma);
            line.remove_prefix(std::min(comma + 1, line.size()));
            const std::size_t first = std::min(element.find_first_not_of(" \t"), element.size());
            element = element.substr(first, element.find_last_not_of(" \t") + 1 - first);
            if (!element.empty() && accepts(element)) return element;
        }
    }
    return std::nullopt;
}

inline bool has_token(const FieldValues& lines, std::string_view token) {
    return find_element(lines, [=](std::string_view element) { return equal_ignoring_case(element, token); })
        .has_value();
}

}  // namespace stepwise::ws
