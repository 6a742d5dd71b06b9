// JSON in requests and responses, by nlohmann-json, whose long header is for those who look into values:
// <nlohmann/json.hpp>.
//
//     nlohmann::json order = http::json_of(request);       // 400 for what is none, 415 for another type
//     http::Response response = http::json_response({{"id", 7}, {"total", order.at("total")}});
//
// How long a body may be its server decides; how deep, json_depth_max. Does no I/O.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <stepwise/net/http/message.hpp>

namespace stepwise::http {

// Of arrays and objects in each other: what is made of a value afterwards may recurse.
inline constexpr int json_depth_max = 100;

// Throws HttpError: 415 unless the body is application/json, 400 unless it is one value of at most that depth.
nlohmann::json json_of(const Request& request);

// What is no UTF-8 in its strings is replaced.
Response json_response(const nlohmann::json& value, int status = 200);

}  // namespace stepwise::http
