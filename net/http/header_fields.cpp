#include <stepwise/net/http/header_fields.hpp>

#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

std::optional<std::string_view> HeaderFields::find(std::string_view name) const {
    for (const HeaderField field : *this) {
        if (equal_ignoring_case(field.name, name)) return field.value;
    }
    return std::nullopt;
}

std::string_view HeaderFields::get(std::string_view name, std::string_view otherwise) const {
    return find(name).value_or(otherwise);
}

std::size_t HeaderFields::count(std::string_view name) const {
    std::size_t found = 0;
    for (const HeaderField field : *this) found += equal_ignoring_case(field.name, name) ? 1 : 0;
    return found;
}

bool HeaderFields::has_token(std::string_view name, std::string_view token) const {
    for (const HeaderField field : *this) {
        if (!equal_ignoring_case(field.name, name)) continue;
        std::string_view list = field.value;
        while (!list.empty()) {
            if (equal_ignoring_case(take_list_element(list), token)) return true;
        }
    }
    return false;
}

}  // namespace stepwise::http
