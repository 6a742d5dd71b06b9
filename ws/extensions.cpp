#include <stepwise/ws/extensions.hpp>

#include <algorithm>
#include <utility>

namespace stepwise::ws {
namespace {

// RFC 9110 §5.6.2.
bool is_token_character(char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Line {
public:
    explicit Line(std::string_view text) : text_(text) { skip_space(); }

    bool is_at_end() const { return text_.empty(); }

    // Takes the character and the white space behind it.
    bool take(char c) {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        skip_space();
        return true;
    }

    // Empty: there is none.
    std::string_view take_token() {
        const auto end = std::find_if_not(text_.begin(), text_.end(), is_token_character);
        const std::string_view token = text_.substr(0, static_cast<std::size_t>(end - text_.begin()));
        text_.remove_prefix(token.size());
        skip_space();
        return token;
    }

    // A token, perhaps in quotes: what stands in them must be a token, too (RFC 6455 §9.1). Empty: there is none.
    std::string take_value() {
        if (text_.empty() || text_.front() != '"') return std::string(take_token());
        std::string value;
        std::size_t at = 1;
        for (; at < text_.size() && text_[at] != '"'; ++at) {
            if (text_[at] == '\\' && ++at == text_.size()) break;
            if (!is_token_character(text_[at])) return {};
            value += text_[at];
        }
        if (at >= text_.size()) return {};
        text_.remove_prefix(at + 1);
        skip_space();
        return value;
    }

private:
    void skip_space() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t"), text_.size())); }

    std::string_view text_;
};

bool parse_parameters(Line& line, Extension& extension) {
    while (line.take(';')) {
        ExtensionParameter parameter{line.take_token(), std::nullopt};
        if (parameter.name.empty()) return false;
        if (line.take('=')) {
            parameter.value = line.take_value();
            if (parameter.value->empty()) return false;
        }
        extension.parameters.push_back(std::move(parameter));
    }
    return true;
}

}  // namespace

std::optional<std::vector<Extension>> parse_extensions(const FieldValues& lines) {
    std::vector<Extension> extensions;
    for (const std::string_view text : lines) {
        Line line(text);
        while (!line.is_at_end()) {
            if (line.take(',')) continue;  // empty elements are passed over (RFC 9110 §5.6.1)
            Extension extension{line.take_token(), {}};
            if (extension.name.empty() || !parse_parameters(line, extension)) return std::nullopt;
            extensions.push_back(std::move(extension));
            if (!line.is_at_end() && !line.take(',')) return std::nullopt;
        }
    }
    return extensions;
}

}  // namespace stepwise::ws
