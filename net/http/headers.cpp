#include <stepwise/net/http/headers.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <stdexcept>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

constexpr std::array<std::string_view, 5> made_by_the_writer = {"connection", "content-length", "date", "keep-alive",
                                                                "transfer-encoding"};

void check_field(std::string_view name, std::string_view value) {
    if (!is_token(name)) {
        throw std::invalid_argument(fmt::format("the header name of {} bytes is not a token", name.size()));
    }
    if (!is_all_of_class(value, character_class::value)) {
        throw std::invalid_argument(fmt::format("the value of header {} contains CR, LF or a control character", name));
    }
    for (const std::string_view reserved : made_by_the_writer) {
        if (!equal_ignoring_case(name, reserved)) continue;
        throw std::invalid_argument(
            fmt::format("header {} is made by the writer; use the message's body and close_connection instead", name));
    }
}

}  // namespace

Headers& Headers::add(std::string_view name, std::string_view value) {
    check_field(name, value);
    fields_.emplace_back(name, value);
    return *this;
}

Headers& Headers::set(std::string_view name, std::string_view value) {
    check_field(name, value);
    // The arguments may view a field that is erased below.
    Field field(name, value);
    erase(field.first);
    fields_.push_back(std::move(field));
    return *this;
}

std::size_t Headers::erase(std::string_view name) {
    return std::erase_if(fields_, [name](const Field& field) { return equal_ignoring_case(field.first, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (const Field& field : fields_) {
        if (equal_ignoring_case(field.first, name)) return field.second;
    }
    return std::nullopt;
}

std::size_t Headers::written_bytes() const {
    std::size_t size = 0;
    for (const auto& [name, value] : fields_) size += name.size() + value.size() + 4;
    return size;
}

}  // namespace stepwise::http
