// A Request as a server would have made it, for what looks at requests.
#pragma once

#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/parser.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace stepwise::http::test {

// `fields`: each with its CRLF.
inline Request request_of(std::string_view method, std::string_view target, std::string_view fields = {},
                          std::string_view body = {}) {
    std::string bytes(method);
    bytes.append(" ").append(target).append(" HTTP/1.1\r\nHost: test\r\n").append(fields);
    bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    RequestParser parser;
    parser.receive_data(bytes);
    const Event event = parser.next_event();
    REQUIRE(std::holds_alternative<StartOfMessage>(event));
    Request request;
    request.assign(*std::get<StartOfMessage>(event).head);
    request.set_body(body);
    request.own();
    return request;
}

}  // namespace stepwise::http::test
