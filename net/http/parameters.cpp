#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/parameters.hpp>

#include <algorithm>
#include <utility>

namespace stepwise::http {

namespace {

// Takes a quoted-string off the front, which begins with its quote.
std::optional<std::string> take_quoted(std::string_view& rest) {
    std::string value;
    for (std::size_t at = 1; at < rest.size(); ++at) {
        const char c = rest[at];
        if (c == '"') {
            rest.remove_prefix(at + 1);
            return value;
        }
        if (!is_value_character(c)) return std::nullopt;
        const bool escapes = c == '\\' && at + 1 < rest.size() && (rest[at + 1] == '"' || rest[at + 1] == '\\');
        value += escapes ? rest[++at] : c;
    }
    return std::nullopt;
}

std::string_view take_token(std::string_view& rest) {
    std::size_t size = 0;
    while (size < rest.size() && is_token_character(rest[size])) ++size;
    const std::string_view token = rest.substr(0, size);
    rest.remove_prefix(size);
    return token;
}

// Takes `; name=value` off the front, without the semicolon.
std::optional<Parameter> take_parameter(std::string_view& rest) {
    const std::string_view name = take_token(rest);
    if (name.empty() || !rest.starts_with('=')) return std::nullopt;
    rest.remove_prefix(1);
    if (rest.starts_with('"')) {
        std::optional<std::string> value = take_quoted(rest);
        if (!value) return std::nullopt;
        return Parameter{std::string(name), std::move(*value)};
    }
    const std::string_view value = take_token(rest);
    if (value.empty()) return std::nullopt;
    return Parameter{std::string(name), std::string(value)};
}

Parameter* find_in(std::vector<Parameter>& all, std::string_view name) {
    auto found = std::find_if(all.begin(), all.end(),
                              [name](const Parameter& one) { return equal_ignoring_case(one.name, name); });
    return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::string_view first_word(std::string_view field_value) {
    return trim_space(field_value.substr(0, field_value.find(';')));
}

bool has_media_type(std::string_view content_type, std::string_view media_type) {
    return equal_ignoring_case(first_word(content_type), media_type);
}

std::optional<std::vector<Parameter>> parse_parameters(std::string_view field_value) {
    std::vector<Parameter> all;
    std::string_view rest = field_value;
    rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    while (!rest.empty()) {
        if (!rest.starts_with(';')) return std::nullopt;
        rest = trim_space(rest.substr(1));
        if (rest.empty() || rest.starts_with(';')) continue;  // an empty one is allowed
        std::optional<Parameter> parameter = take_parameter(rest);
        rest = trim_space(rest);
        if (!parameter || find_in(all, parameter->name) != nullptr) return std::nullopt;
        all.push_back(std::move(*parameter));
    }
    return all;
}

std::optional<std::string> find_parameter(std::string_view field_value, std::string_view name) {
    std::optional<std::vector<Parameter>> all = parse_parameters(field_value);
    Parameter* found = all ? find_in(*all, name) : nullptr;
    if (found == nullptr) return std::nullopt;
    return std::move(found->value);
}

}  // namespace stepwise::http
