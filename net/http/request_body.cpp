#include <fmt/format.h>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/request_body.hpp>
#include <stepwise/net/http/served_request.hpp>
#include <stepwise/runtime/errors.hpp>

#include <cerrno>

namespace stepwise::http {

Coro<std::string_view> RequestBody::read() {
    while (waiting_.empty() && !ended_) {
        if (lost_) throw_system_error(ECONNABORTED, "the body of a request");
        if (exchange_.connection != nullptr) exchange_.connection->body_wanted();
        changed_.clear();
        co_await changed_.wait();
    }
    given_.clear();
    given_.swap(waiting_);
    if (!ended_ && exchange_.connection != nullptr) exchange_.connection->body_taken();
    co_return std::string_view(given_.data(), given_.size());
}

Coro<std::string> RequestBody::read_all(std::size_t bytes_max) {
    std::string all;
    for (std::string_view piece = co_await read(); !piece.empty(); piece = co_await read()) {
        if (all.size() + piece.size() > bytes_max) {
            throw LimitError(fmt::format("the body of a request has more than {} bytes (bytes_max)", bytes_max));
        }
        all += piece;
    }
    co_return all;
}

void RequestBody::set_timeout(std::chrono::seconds total) {
    if (exchange_.connection != nullptr) exchange_.connection->set_body_timeout(total);
}

void RequestBody::add(std::string_view bytes) {
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
    received_bytes_ += bytes.size();
    changed_.set();
}

void RequestBody::end(const HeaderFields& trailers) {
    if (!trailers.empty()) trailers_ = ReceivedHeaders(trailers);
    ended_ = true;
    changed_.set();
}

void RequestBody::lose() noexcept {
    lost_ = true;
    changed_.set();
}

}  // namespace stepwise::http
