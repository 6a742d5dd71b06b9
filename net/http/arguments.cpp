#include <stepwise/net/http/arguments.hpp>

#include <fmt/format.h>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/parameters.hpp>
#include <stepwise/net/http/target.hpp>

namespace stepwise::http {

namespace {

std::string_view form_of(const Request& request) {
    const std::string_view type = request.headers().get("content-type");
    return has_media_type(type, "application/x-www-form-urlencoded") ? request.body() : std::string_view();
}

void append_values(std::string_view query, std::string_view name, std::vector<std::string>& values) {
    while (const std::optional<QueryArgument> argument = take_query_argument(query)) {
        if (percent_decode(argument->name, PlusSign::is_space) != name) continue;
        std::optional<std::string> value = percent_decode(argument->value, PlusSign::is_space);
        if (value) values.push_back(std::move(*value));
    }
}

}  // namespace

std::optional<std::string> find_argument(const Request& request, std::string_view name) {
    std::optional<std::string> value = query_value(request.query(), name);
    return value ? value : query_value(form_of(request), name);
}

std::string get_argument(const Request& request, std::string_view name) {
    std::optional<std::string> value = find_argument(request, name);
    if (!value) throw HttpError(400, fmt::format("the argument '{}' is missing", name));
    return std::move(*value);
}

std::string get_argument(const Request& request, std::string_view name, std::string_view otherwise) {
    std::optional<std::string> value = find_argument(request, name);
    return value ? std::move(*value) : std::string(otherwise);
}

std::vector<std::string> get_arguments(const Request& request, std::string_view name) {
    std::vector<std::string> values;
    append_values(request.query(), name, values);
    append_values(form_of(request), name, values);
    return values;
}

}  // namespace stepwise::http
