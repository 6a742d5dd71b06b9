#include <fmt/format.h>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/responder.hpp>
#include <stepwise/net/http/served_request.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>

#include <stdexcept>
#include <utility>

namespace stepwise::http {

void tell_unanswered(const ServedRequest& exchange, std::string_view what) noexcept {
    raise_made(Lint::Rule::unanswered_request, [&] {
        const Request& request = exchange.request;
        Lint lint{Lint::Rule::unanswered_request,
                  fmt::format("{} {} has a Responder that {}", request.method(), request.target(), what),
                  {},
                  "call send(…) on every way that the callbacks may take, errors and timeouts too"};
        const Router::Entry* entry = exchange.route.entry;
        if (entry != nullptr) lint.details.push_back("its handler was added at " + place(entry->where));
        return lint;
    });
}

Responder::Responder(std::unique_ptr<ServedRequest> exchange) noexcept : exchange_(std::move(exchange)) {}
Responder::Responder(Responder&& other) noexcept = default;

Responder& Responder::operator=(Responder&& other) noexcept {
    if (this != &other) {
        finish_unanswered();
        exchange_ = std::move(other.exchange_);
    }
    return *this;
}

Responder::~Responder() {
    finish_unanswered();
}

const Request& Responder::request() const {
    if (exchange_ == nullptr) throw std::logic_error("Responder::request: it was answered, or moved away");
    return exchange_->request;
}

bool Responder::is_abandoned() const {
    return exchange_ != nullptr && exchange_->connection == nullptr;
}

void Responder::send(Response response) {
    if (exchange_ == nullptr) throw std::logic_error("Responder::send: it was answered, or moved away");
    if (exchange_->connection == nullptr) return exchange_.reset();
    exchange_->connection->server().loop().check_thread("http::Responder::send");
    // Not ours any more when the connection looks at what comes next.
    std::unique_ptr<ServedRequest> exchange = std::move(exchange_);
    Connection& connection = *std::exchange(exchange->connection, nullptr);
    if (exchange->early != nullptr) {
        exchange->early->response = std::move(response);
        exchange->early->exchange = std::move(exchange);
    } else {
        connection.answered(*exchange, std::move(response));
    }
}

void Responder::finish_unanswered() noexcept {
    if (exchange_ == nullptr || exchange_->connection == nullptr) return exchange_.reset();
    if (exchange_->connection->server().loop().discarding()) return exchange_.reset();
    tell_unanswered(*exchange_, "ended without an answer");
    try {
        send(Response::error(500));
    } catch (...) {
        exchange_.reset();
    }
}

}  // namespace stepwise::http
