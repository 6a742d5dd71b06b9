// Responder: the promise of an answer, for handlers that work with callbacks. Kept, moved, and finished later:
//
//     auto kept = std::make_shared<http::Responder>(std::move(responder));
//     loop.call_later(10ms, [kept] { kept->send(http::Response::text("later")); });
//
// Owns the request. One that ends without an answer is a mistake: the client is told 500, and a lint says where the
// handler was given to its router; so it does of one that is kept for answer_warning_seconds. May outlive the
// connection and the server: then an answer goes nowhere. The loop's thread.
#pragma once

#include <memory>
#include <stepwise/net/http/message.hpp>

namespace stepwise::http {

struct ServedRequest;

class Responder {
public:
    Responder(Responder&& other) noexcept;
    Responder& operator=(Responder&& other) noexcept;
    ~Responder();

    // Answers; once: std::logic_error for a second time, and on another thread.
    void send(Response response);
    // Until it is answered.
    const Request& request() const;
    bool answered() const { return exchange_ == nullptr; }
    // The client, or the whole server, is gone: an answer would go nowhere.
    bool is_abandoned() const;

private:
    friend class Connection;
    explicit Responder(std::unique_ptr<ServedRequest> exchange) noexcept;
    void finish_unanswered() noexcept;

    std::unique_ptr<ServedRequest> exchange_;
};

}  // namespace stepwise::http
