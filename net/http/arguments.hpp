// What a request was given by name, in its query and in the fields of a form, decoded.
//
//     std::string name = http::get_argument(request, "name");          // 400 when it is missing
//     std::string page = http::get_argument(request, "page", "1");
//     std::vector<std::string> tags = http::get_arguments(request, "tag");
//
// The query comes first, then a body of application/x-www-form-urlencoded. One whose escapes are broken counts as
// missing. A form with files is for MultipartParser.
#pragma once

#include <optional>
#include <stepwise/net/http/message.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

std::optional<std::string> find_argument(const Request& request, std::string_view name);
// Throws HttpError: 400, which names what is missing.
std::string get_argument(const Request& request, std::string_view name);
std::string get_argument(const Request& request, std::string_view name, std::string_view otherwise);
std::vector<std::string> get_arguments(const Request& request, std::string_view name);

}  // namespace stepwise::http
