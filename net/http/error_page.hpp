// What a client is told when a handler has thrown: a line, or, in debug mode, what was thrown and where it came from.
//
//     http::Response page = http::error_page(std::current_exception(), "the handler of GET /", loop.debug());
//
// Plain text, so that nothing of it is markup. A server that faces strangers does not run in debug mode.
#pragma once

#include <exception>
#include <stepwise/net/http/message.hpp>
#include <string_view>

namespace stepwise::http {

// 500, or what an HttpError says. `what`: what threw it. In debug mode with its causes, each with the awaits through
// which it has come; `more`: lines that follow.
Response error_page(const std::exception_ptr& error, std::string_view what, bool debug, std::string_view more = {});

// In a catch block: tells the loop's exception handler, and makes the page.
Response tell_failure(std::string_view what, std::string_view more = {}) noexcept;

}  // namespace stepwise::http
