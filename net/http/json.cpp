#include <stepwise/net/http/json.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/parameters.hpp>

namespace stepwise::http {

using Json = nlohmann::json;

Json json_of(const Request& request) {
    if (!has_media_type(request.headers().get("content-type"), "application/json")) {
        throw HttpError(415, "the body must be application/json");
    }
    bool too_deep = false;
    const Json::parser_callback_t look = [&too_deep](int depth, Json::parse_event_t, Json&) {
        too_deep = too_deep || depth > json_depth_max;
        return !too_deep;
    };
    Json value = Json::parse(request.body(), look, false);
    if (too_deep) throw HttpError(400, fmt::format("the body is nested deeper than {}", json_depth_max));
    if (value.is_discarded()) throw HttpError(400, "the body is no valid JSON");
    return value;
}

Response json_response(const Json& value, int status) {
    Response response = Response::json(value.dump(-1, ' ', false, Json::error_handler_t::replace));
    response.status = status;
    return response;
}

}  // namespace stepwise::http
