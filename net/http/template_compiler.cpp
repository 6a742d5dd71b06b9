#include <stepwise/net/http/template_nodes.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <optional>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

using Node = Template::Node;

bool is_name_character(char c) {
    return is_letter(c) || is_digit(c) || c == '_';
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view white = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(white);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(white) - begin + 1);
}

class Compiler {
public:
    Compiler(const std::string& name, std::string_view text, const TemplateFunctions& functions)
        : name_(name), rest_(text), functions_(functions) {}

    Node compile() {
        Node root;
        compile_until_tag(root.children, 0);
        if (tag_) fail(fmt::format("'{}' without a block that it could belong to", *tag_));
        return root;
    }

private:
    [[noreturn]] void fail(const std::string& why) const {
        throw TemplateError(fmt::format("{}:{}: {}", name_, line_, why));
    }

    std::string_view take(std::size_t size) {
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(taken.size());
        line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
        return taken;
    }

    // Up to the end mark of what begins here.
    std::string_view take_braces(std::string_view end_mark) {
        const std::size_t end = rest_.find(end_mark, 2);
        if (end == std::string_view::npos) fail(fmt::format("'{}' is missing", end_mark));
        return trim(take(end + 2).substr(2, end - 2));
    }

    // Until one of end, else, elif stands in tag_, or all is read.
    void compile_until_tag(std::vector<Node>& into, std::size_t depth) {
        if (depth > Template::depth_max) fail(fmt::format("more than {} blocks in each other", Template::depth_max));
        tag_.reset();
        while (!rest_.empty() && !tag_) {
            std::size_t brace = rest_.find('{');
            while (brace != std::string_view::npos && brace + 1 < rest_.size() &&
                   std::string_view("{%#").find(rest_[brace + 1]) == std::string_view::npos) {
                brace = rest_.find('{', brace + 1);
            }
            if (brace == std::string_view::npos || brace + 1 >= rest_.size()) brace = rest_.size();
            if (brace > 0) {
                Node node = made(Node::Kind::text);
                node.text = std::string(take(brace));
                into.push_back(std::move(node));
            }
            if (!rest_.empty()) compile_braces(into, depth);
        }
    }

    void compile_braces(std::vector<Node>& into, std::size_t depth) {
        if (rest_[1] == '#') {
            take_braces("#}");
        } else if (rest_[1] == '{') {
            Node node = made(Node::Kind::print);
            node.value = parse_value(take_braces("}}"));
            into.push_back(std::move(node));
        } else {
            compile_tag(into, depth);
        }
    }

    void compile_tag(std::vector<Node>& into, std::size_t depth) {
        Node node = made(Node::Kind::raw);
        const std::string_view whole = take_braces("%}");
        const std::size_t space = std::min(whole.find_first_of(" \t\n"), whole.size());
        const std::string_view word = whole.substr(0, space);
        const std::string_view rest = trim(whole.substr(space));
        if (word == "raw") {
            node.value = parse_value(rest);
            into.push_back(std::move(node));
        } else if (word == "if") {
            compile_if(std::move(node), rest, into, depth);
        } else if (word == "for") {
            compile_for(std::move(node), rest, into, depth);
        } else if (word == "end" || word == "else" || word == "elif") {
            tag_ = word;
            argument_ = rest;
        } else {
            fail(fmt::format("'{}' is no tag: raw, if, elif, else, for and end are", word));
        }
    }

    void compile_if(Node node, std::string_view condition, std::vector<Node>& into, std::size_t depth) {
        node.kind = Node::Kind::when;
        node.condition = parse_condition(condition);
        const int line = node.line;
        compile_until_tag(node.children, depth + 1);
        if (tag_ == "elif") {
            Node other = made(Node::Kind::when);
            compile_if(std::move(other), argument_, node.otherwise, depth + 1);
        } else {
            if (tag_ == "else") compile_until_tag(node.otherwise, depth + 1);
            expect_end(line);
        }
        into.push_back(std::move(node));
    }

    void compile_for(Node node, std::string_view words, std::vector<Node>& into, std::size_t depth) {
        node.kind = Node::Kind::each;
        const std::size_t in = words.find(" in ");
        if (in == std::string_view::npos) fail("'for' is followed by a name, 'in' and a list");
        node.text = std::string(trim(words.substr(0, in)));
        if (!is_name(node.text)) fail(fmt::format("'{}' is no name", node.text));
        node.value = parse_value(trim(words.substr(in + 4)));
        const int line = node.line;
        compile_until_tag(node.children, depth + 1);
        expect_end(line);
        into.push_back(std::move(node));
    }

    // And takes it.
    void expect_end(int begin_line) {
        if (tag_ != "end") fail(fmt::format("the block that begins in line {} has no end", begin_line));
        tag_.reset();
    }

    static bool is_name(std::string_view text) {
        return !text.empty() && std::all_of(text.begin(), text.end(), is_name_character);
    }

    TemplateCondition parse_condition(std::string_view text) const {
        TemplateCondition condition;
        if (text.starts_with("not ")) {
            condition.negated = true;
            text = trim(text.substr(4));
        }
        for (const std::string_view sign : {std::string_view("=="), std::string_view("!=")}) {
            const std::size_t at = text.find(sign);
            if (at == std::string_view::npos) continue;
            condition.compares = true;
            condition.equal = sign == "==";
            condition.other = parse_value(trim(text.substr(at + 2)));
            text = trim(text.substr(0, at));
            break;
        }
        condition.value = parse_value(text);
        return condition;
    }

    TemplateValue parse_value(std::string_view text, bool is_argument = false) const {
        TemplateValue value;
        if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()) {
            value.text = std::string(text.substr(1, text.size() - 2));
            if (value.text.find(text.front()) != std::string::npos) fail(fmt::format("{} is more than one text", text));
            return value;
        }
        const std::size_t bracket = text.find('(');
        if (bracket != std::string_view::npos && text.ends_with(')')) {
            const std::string_view name = text.substr(0, bracket);
            if (functions_.find(name) == functions_.end()) fail(fmt::format("there is no function '{}'", name));
            if (is_argument) fail("a function of a function");
            value = parse_value(trim(text.substr(bracket + 1, text.size() - bracket - 2)), true);
            value.function = std::string(name);
            return value;
        }
        std::string_view rest = text;
        for (bool more = true; more;) {
            const std::size_t dot = rest.find('.');
            more = dot != std::string_view::npos;
            const std::string_view part = rest.substr(0, dot);
            if (!is_name(part)) fail(fmt::format("'{}' is no value", text));
            value.path.emplace_back(part);
            if (more) rest.remove_prefix(dot + 1);
        }
        return value;
    }

    Node made(Node::Kind kind) const {
        Node node;
        node.kind = kind;
        node.line = line_;
        return node;
    }

    const std::string& name_;
    std::string_view rest_;
    const TemplateFunctions& functions_;
    int line_ = 1;
    std::optional<std::string_view> tag_;  // end, else or elif, which whoever compiles the block takes
    std::string_view argument_;
};

}  // namespace

Node compile_template(const std::string& name, std::string_view text, const TemplateFunctions& functions) {
    return Compiler(name, text, functions).compile();
}

}  // namespace stepwise::http
