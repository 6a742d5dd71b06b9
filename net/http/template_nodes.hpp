// What a template is compiled to: a tree of what is printed, asked and repeated. Shared by the compiler and the
// renderer; immutable once made.
#pragma once

#include <stepwise/net/http/template.hpp>
#include <string>
#include <vector>

namespace stepwise::http {

struct TemplateValue {
    std::vector<std::string> path;  // empty: `text` is meant
    std::string text;
    std::string function;  // applied to it, unless empty
};

struct TemplateCondition {
    TemplateValue value;
    bool negated = false;
    bool compares = false;  // with `other`
    bool equal = true;      // == or !=
    TemplateValue other;
};

struct Template::Node {
    enum class Kind { block, text, print, raw, when, each };

    Kind kind = Kind::block;
    int line = 1;
    std::string text;  // of text; of each: the name of the item
    TemplateValue value;
    TemplateCondition condition;
    std::vector<Node> children;
    std::vector<Node> otherwise;
};

// Throws TemplateError.
Template::Node compile_template(const std::string& name, std::string_view text, const TemplateFunctions& functions);

}  // namespace stepwise::http
