// HttpError: what a handler throws to answer with a status and a sentence, from however deep.
//
//     if (!may_read) throw http::HttpError(403, "this page is for its author");
//
// The sentence is shown to the client. It is no failure of the program: the loop's exception handler is not told.
#pragma once

#include <stdexcept>
#include <string>

namespace stepwise::http {

class HttpError : public std::runtime_error {
public:
    // `status`: 400 … 599.
    HttpError(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
    int status() const noexcept { return status_; }

private:
    int status_;
};

}  // namespace stepwise::http
