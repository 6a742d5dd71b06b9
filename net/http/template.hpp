// Pages with blanks to fill in, which escape what they are given, so that no value can become markup.
//
//     http::Template page("hello.html", "<h1>Hello, {{ user.name }}!</h1>");
//     http::Response response = http::Response::html(page.render({{"user", {{"name", "Ada <3"}}}}));
//
// {{ value }} escapes; {% raw value %} does not. {% if value %} … {% elif other == "x" %} … {% else %} … {% end %};
// {% for item in list %} … {% end %}; {# a comment #}. A value is a path into the data ("user.name", "list.0"), a text
// in quotes, `not` before it, or a function of one such: {{ static_url("css/site.css") }}. Compiled once; render() may
// be called by several threads. Not for templates of strangers: they may take long.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stepwise::http {

// "hello.html:3: …"
class TemplateError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

using TemplateFunction = std::function<std::string(std::string_view)>;
using TemplateFunctions = std::map<std::string, TemplateFunction, std::less<>>;

// & < > " ' for the text of an element or an attribute in quotes.
std::string escape_html(std::string_view text);

class Template {
public:
    static constexpr std::size_t depth_max = 32;  // of blocks in each other

    // `name`: for errors. Throws TemplateError for what is no template.
    Template(std::string name, std::string_view text, TemplateFunctions functions = {});

    // A value that is not there is an error where it is printed or gone through, and false where it is asked for.
    // Throws TemplateError.
    std::string render(const nlohmann::json& data) const;

    // For those who make it.
    struct Node;

private:
    std::string name_;
    TemplateFunctions functions_;
    std::shared_ptr<const Node> root_;
};

}  // namespace stepwise::http
