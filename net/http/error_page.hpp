// What a client is told when a handler has thrown: a line, or, in debug mode, what was thrown and where it came from.
//
//     http::Response page = http::error_page(std::current_exception(), "the handler of GET /", loop.debug());
//
// Plain text, so that nothing of it is markup. A server that faces strangers does not run in debug mode.
#pragma once

#include <exception>
#include <stepwise/net/http/message.hpp>
#include <stepwise/runtime/coro.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

// Stands behind a Coro that is awaited: when that throws, in debug mode, says where its frame stood, whose last await
// it was, while the frame is still there.
class NotesPlace {
public:
    NotesPlace(const CallFrame& frame, std::string& place) noexcept;
    NotesPlace(const NotesPlace&) = delete;
    NotesPlace& operator=(const NotesPlace&) = delete;
    ~NotesPlace();

private:
    const CallFrame& frame_;
    std::string& place_;
    int exceptions_before_;
};

// 500, or what an HttpError says. `what`: what threw it. `awaited`: of a handler that is a coroutine, where it and
// those that it awaited stood, a line each.
Response error_page(const std::exception_ptr& error, std::string_view what, bool debug, std::string_view awaited = {});

// In a catch block: tells the loop's exception handler, and makes the page.
Response tell_failure(std::string_view what, std::string_view awaited = {}) noexcept;

}  // namespace stepwise::http
