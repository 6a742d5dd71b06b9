#include <algorithm>
#include <array>
#include <stepwise/demos/site/highlight.hpp>

namespace course {

namespace {

constexpr std::array keywords = {
    "alignas",   "alignof",      "auto",      "bool",          "break",       "case",     "catch",     "char",
    "class",     "co_await",     "co_return", "co_yield",      "concept",     "const",    "consteval", "constexpr",
    "constinit", "continue",     "decltype",  "default",       "delete",      "do",       "double",    "else",
    "enum",      "explicit",     "false",     "final",         "float",       "for",      "friend",    "if",
    "inline",    "int",          "long",      "mutable",       "namespace",   "new",      "noexcept",  "nullptr",
    "operator",  "override",     "private",   "protected",     "public",      "requires", "return",    "short",
    "signed",    "sizeof",       "static",    "static_assert", "static_cast", "struct",   "switch",    "template",
    "this",      "thread_local", "throw",     "true",          "try",         "typename", "union",     "unsigned",
    "using",     "virtual",      "void",      "volatile",      "while",
};

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

bool is_word(char byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

bool starts_with_at(std::string_view source, std::size_t at, std::string_view text) {
    return source.substr(at, text.size()) == text;
}

std::size_t find_from(std::string_view source, std::string_view text, std::size_t at) {
    const std::size_t found = source.find(text, at);
    return found == std::string_view::npos ? source.size() : found + text.size();
}

// The place behind a quoted text that begins at `at`; an unfinished one ends with its line.
std::size_t end_of_text(std::string_view source, std::size_t at) {
    const char quote = source[at];
    for (std::size_t place = at + 1; place < source.size() && source[place] != '\n'; ++place) {
        if (source[place] == quote) return place + 1;
        if (source[place] == '\\') ++place;
    }
    return std::min(source.find('\n', at), source.size());
}

std::size_t end_of_raw_text(std::string_view source, std::size_t at) {
    const std::size_t open = std::min(source.find('(', at), source.size());
    const std::string close = ")" + std::string(source.substr(at + 2, open - at - 2)) + "\"";
    return find_from(source, close, open);
}

struct Piece {
    char kind;  // a class of a span, or ' '
    std::size_t end;
};

Piece word_at(std::string_view source, std::size_t at) {
    std::size_t end = at;
    if (is_digit(source[at])) {
        while (end < source.size() && (is_word(source[end]) || source[end] == '.' || source[end] == '\'')) ++end;
        return {'n', end};
    }
    while (end < source.size() && is_word(source[end])) ++end;
    const bool known = std::find(keywords.begin(), keywords.end(), source.substr(at, end - at)) != keywords.end();
    return {known ? 'k' : ' ', end};
}

Piece piece_at(std::string_view source, std::size_t at, bool line_begins) {
    const char byte = source[at];
    if (starts_with_at(source, at, "//")) return {'c', std::min(source.find('\n', at), source.size())};
    if (starts_with_at(source, at, "/*")) return {'c', find_from(source, "*/", at + 2)};
    if (starts_with_at(source, at, "R\"")) return {'s', end_of_raw_text(source, at)};
    if (byte == '"' || byte == '\'') return {'s', end_of_text(source, at)};
    if (byte == '#' && line_begins) {
        std::size_t end = at + 1;
        while (end < source.size() && is_word(source[end])) ++end;
        return {'p', end};
    }
    if (is_word(byte)) return word_at(source, at);
    return {' ', at + 1};
}

}  // namespace

std::string escape_html(std::string_view text) {
    std::string escaped;
    escaped.reserve(text.size());
    for (char byte : text) {
        switch (byte) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            default:
                escaped += byte;
        }
    }
    return escaped;
}

std::string highlight_cpp(std::string_view source) {
    std::string html;
    html.reserve(source.size() * 2);
    bool line_begins = true;
    for (std::size_t at = 0; at < source.size();) {
        const Piece piece = piece_at(source, at, line_begins);
        const std::string_view text = source.substr(at, piece.end - at);
        if (text == "\n") {
            line_begins = true;
        } else if (text != " ") {
            line_begins = false;
        }
        if (piece.kind == ' ') {
            html += escape_html(text);
        } else {
            html += std::string("<span class=\"") + piece.kind + "\">" + escape_html(text) + "</span>";
        }
        at = piece.end;
    }
    return html;
}

}  // namespace course
