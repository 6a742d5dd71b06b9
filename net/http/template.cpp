#include <stepwise/net/http/template.hpp>

#include <fmt/format.h>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stepwise/net/http/template_nodes.hpp>

namespace stepwise::http {

namespace {

using Json = nlohmann::json;

class Renderer {
public:
    Renderer(const std::string& name, const TemplateFunctions& functions, const Json& data)
        : name_(name), functions_(functions), data_(data) {}

    void render(const std::vector<Template::Node>& nodes) {
        for (const Template::Node& node : nodes) render(node);
    }
    std::string take() { return std::move(out_); }

private:
    struct Item {
        const std::string& name;
        const Json& value;
        const Item* outer;
    };

    void render(const Template::Node& node) {
        using Kind = Template::Node::Kind;
        line_ = node.line;
        switch (node.kind) {
            case Kind::block:
                return render(node.children);
            case Kind::text:
                out_ += node.text;
                return;
            case Kind::print:
                out_ += escape_html(text_of(node.value));
                return;
            case Kind::raw:
                out_ += text_of(node.value);
                return;
            case Kind::when:
                return render(holds(node.condition) ? node.children : node.otherwise);
            case Kind::each:
                return render_each(node);
        }
    }

    void render_each(const Template::Node& node) {
        const Json* list = find(node.value);
        if (list == nullptr || !list->is_array()) fail(fmt::format("'{}' is no list", spelled(node.value)));
        for (const Json& value : *list) {
            const Item item{node.text, value, items_};
            items_ = &item;
            render(node.children);
            items_ = item.outer;
        }
    }

    [[noreturn]] void fail(const std::string& why) const {
        throw TemplateError(fmt::format("{}:{}: {}", name_, line_, why));
    }

    static std::string spelled(const TemplateValue& value) {
        return value.path.empty() ? value.text : fmt::format("{}", fmt::join(value.path, "."));
    }

    // nullptr: it is not there.
    const Json* find(const TemplateValue& value) const {
        if (value.path.empty() || !value.function.empty()) return nullptr;
        const Json* found = nullptr;
        std::size_t index = 0;
        for (const Item* item = items_; item != nullptr && found == nullptr; item = item->outer) {
            if (item->name == value.path.front()) found = &item->value;
        }
        if (found != nullptr) {
            index = 1;
        } else {
            found = &data_;
        }
        for (; index < value.path.size() && found != nullptr; ++index) found = part_of(*found, value.path[index]);
        return found;
    }

    static const Json* part_of(const Json& whole, const std::string& part) {
        if (whole.is_object()) {
            const auto found = whole.find(part);
            return found == whole.end() ? nullptr : &*found;
        }
        std::size_t number = 0;
        const std::from_chars_result result = std::from_chars(part.data(), part.data() + part.size(), number);
        const bool is_index = result.ec == std::errc() && result.ptr == part.data() + part.size();
        return whole.is_array() && is_index && number < whole.size() ? &whole[number] : nullptr;
    }

    std::string text_of(const TemplateValue& value) const {
        std::string text = value.text;
        if (!value.path.empty()) {
            TemplateValue plain = value;
            plain.function.clear();
            const Json* found = find(plain);
            if (found == nullptr) fail(fmt::format("'{}' is not in the data", spelled(value)));
            text = found->is_string() ? found->get<std::string>()
                                      : found->dump(-1, ' ', false, Json::error_handler_t::replace);
        }
        if (value.function.empty()) return text;
        return functions_.find(value.function)->second(text);
    }

    bool holds(const TemplateCondition& condition) const {
        bool result = false;
        if (condition.compares) {
            result = (text_of(condition.value) == text_of(condition.other)) == condition.equal;
        } else if (!condition.value.function.empty() || condition.value.path.empty()) {
            result = !text_of(condition.value).empty();
        } else {
            const Json* found = find(condition.value);
            result = found != nullptr && is_true(*found);
        }
        return result != condition.negated;
    }

    // As in Python: what is empty or zero is false.
    static bool is_true(const Json& value) {
        if (value.is_boolean()) return value.get<bool>();
        if (value.is_number()) return value.get<double>() != 0;
        if (value.is_string()) return !value.get_ref<const std::string&>().empty();
        return !value.is_null() && !value.empty();
    }

    const std::string& name_;
    const TemplateFunctions& functions_;
    const Json& data_;
    const Item* items_ = nullptr;
    int line_ = 1;
    std::string out_;
};

}  // namespace

std::string escape_html(std::string_view text) {
    std::string escaped;
    escaped.reserve(text.size());
    for (const char c : text) {
        switch (c) {
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
            case '\'':
                escaped += "&#39;";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

Template::Template(std::string name, std::string_view text, TemplateFunctions functions)
    : name_(std::move(name)),
      functions_(std::move(functions)),
      root_(std::make_shared<const Node>(compile_template(name_, text, functions_))) {}

std::string Template::render(const nlohmann::json& data) const {
    Renderer renderer(name_, functions_, data);
    renderer.render(root_->children);
    return renderer.take();
}

}  // namespace stepwise::http
