// A request that must outlive the bytes it came in: its body is still coming, or a coroutine or a callback works on it.
//
// Owned by its connection until a handler gets it, then by the handler's frame or its Responder, which may outlive the
// connection. The server's own.
#pragma once

#include <memory>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/request_body.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/router.hpp>
#include <stepwise/runtime/frame_pool.hpp>

namespace stepwise::http {

class Connection;

struct ServedRequest : frame_pool::Pooled {
    // Both, if its handler streams either.
    struct Streams {
        explicit Streams(ServedRequest& exchange) noexcept : body(exchange), writer(exchange) {}

        RequestBody body;
        ResponseWriter writer;
    };

    // The answer of a callback that came while its handler was still being called.
    struct Early {
        Response response;
        std::unique_ptr<ServedRequest> exchange;
    };

    ~ServedRequest();

    Request request;
    Connection* connection = nullptr;  // nullptr: it is gone, or needs no answer any more
    Router::Match route;               // once there is a body
    std::unique_ptr<Streams> streams;
    Early* early = nullptr;     // while a callback handler is called: where its answer goes
    bool body_dropped = false;  // nobody will see it
};

// Tells of a Responder's mistake: it "ended without an answer".
void tell_unanswered(const ServedRequest& exchange, std::string_view what) noexcept;

}  // namespace stepwise::http
