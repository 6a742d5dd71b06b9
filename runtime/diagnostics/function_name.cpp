#include <stepwise/runtime/diagnostics/function_name.hpp>

#include <array>

namespace stepwise::detail {

namespace {

constexpr std::array<std::string_view, 2> unnamed_namespaces{"{anonymous}::", "(anonymous namespace)::"};
constexpr std::array<std::string_view, 3> lambdas{"{lambda(", "<lambda(", "(lambda at "};

template <std::size_t Count>
std::size_t length_of_any(const std::array<std::string_view, Count>& words, std::string_view text) {
    for (std::string_view word : words) {
        if (text.starts_with(word)) return word.size();
    }
    return 0;
}

// Behind the bracket that closes the one with which the text begins.
std::size_t length_of_brackets(std::string_view text) {
    int depth = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (std::string_view("<([{").find(text[at]) != std::string_view::npos) ++depth;
        if (text[at] == '>' && at > 0 && text[at - 1] == '-') continue;
        if (std::string_view(">)]}").find(text[at]) != std::string_view::npos && --depth == 0) return at + 1;
    }
    return text.size();
}

// "operator()", "operator<<": the brackets are part of the name.
std::size_t length_of_operator(std::string_view text) {
    constexpr std::string_view word = "operator";
    if (!text.starts_with(word)) return 0;
    if (text.substr(word.size()).starts_with("()")) return word.size() + 2;
    std::size_t end = text.find_first_not_of("<>=!+-*/%&|^~,[]", word.size());
    return end == word.size() || end == text.npos ? 0 : end;
}

}  // namespace

std::string plain_function_name(std::string_view full) {
    std::string name;
    bool has_arguments = false;
    for (std::size_t at = 0; at < full.size();) {
        std::string_view rest = full.substr(at);
        if (std::size_t length = length_of_any(unnamed_namespaces, rest)) {
            at += length;
        } else if (length_of_any(lambdas, rest) != 0) {
            name += "lambda";
            at += length_of_brackets(rest);
            if (full.substr(at).starts_with("::operator()")) at += std::string_view("::operator()").size();
        } else if (std::size_t of_operator = length_of_operator(rest)) {
            name += rest.substr(0, of_operator);
            at += of_operator;
        } else if (rest[0] == '<' || rest[0] == '(' || rest[0] == '[' || rest[0] == '{') {
            has_arguments = rest[0] == '(';
            at += length_of_brackets(rest);
        } else if (rest[0] == ' ') {
            if (has_arguments) break;  // " const", " [clone .actor]"
            name.clear();              // of the return type
            ++at;
        } else {
            has_arguments = false;
            if (rest[0] != '*' && rest[0] != '&') name += rest[0];
            ++at;
        }
    }
    return (name == "operator()" ? "lambda" : name) + "()";
}

}  // namespace stepwise::detail
