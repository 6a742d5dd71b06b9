// A field value that begins with a word and goes on with parameters: Content-Type and Content-Disposition
// (RFC 9110 §5.6.6).
//
//     std::optional<std::string> boundary = http::find_parameter(content_type, "boundary");
//     bool is_form = http::has_media_type(content_type, "multipart/form-data");
//
// A quoted value is given without its quotes; in it a backslash takes the meaning off a quote or a backslash only,
// since some senders write paths with plain ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

// What stands before the first parameter: "form-data", "text/html".
std::string_view first_word(std::string_view field_value);

bool has_media_type(std::string_view content_type, std::string_view media_type);

struct Parameter {
    std::string name;  // as it came
    std::string value;
};
// Nothing when they cannot be read to their end, or one name stands there twice: then nobody can say what another
// reader would take.
std::optional<std::vector<Parameter>> parse_parameters(std::string_view field_value);

// Names without regard to case. Also nothing where parse_parameters gives nothing.
std::optional<std::string> find_parameter(std::string_view field_value, std::string_view name);

}  // namespace stepwise::http
