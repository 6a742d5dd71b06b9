// RequestBody: the body of a request, read by its handler as it comes.
//
//     std::size_t bytes = 0;       // Coro<http::Response> count(const http::Request&, http::RequestBody& body)
//     for (std::string_view piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) {
//         bytes += piece.size();
//     }
//
// Belongs to the exchange, as its handler does. What was not read yet is bounded: the client waits meanwhile. A client
// that leaves, breaks a rule or takes too long has its handler cancelled, so that the end is always that of a whole
// body. The loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stepwise/net/http/received_headers.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

struct ServedRequest;

class RequestBody {
public:
    // From so many bytes on that wait to be read nothing more is received.
    static constexpr std::size_t waiting_bytes_max = 64 * 1024;

    explicit RequestBody(ServedRequest& exchange) noexcept : exchange_(exchange) {}
    RequestBody(const RequestBody&) = delete;
    RequestBody& operator=(const RequestBody&) = delete;

    // The next bytes, good until the next call; empty at the end. A client that waits for "100 Continue" is sent it by
    // the first call. Cancel-safe: what came meanwhile stays.
    Coro<std::string_view> read();
    // All that is left. LimitError for more than bytes_max.
    Coro<std::string> read_all(std::size_t bytes_max);

    // How much came so far, without the chunked coding.
    std::uint64_t received_bytes() const noexcept { return received_bytes_; }
    // Complete when read() has given the end.
    const ReceivedHeaders& trailers() const noexcept { return trailers_; }
    // The whole body must have come by then, counted from now, instead of body_timeout_seconds.
    void set_timeout(std::chrono::seconds total);

private:
    friend class Connection;

    bool is_full() const noexcept { return waiting_.size() >= waiting_bytes_max; }
    void add(std::string_view bytes);
    void end(const HeaderFields& trailers);
    void lose() noexcept;

    ServedRequest& exchange_;
    std::vector<char> waiting_;
    std::vector<char> given_;  // what the last read() gave
    stepwise::Event changed_;
    ReceivedHeaders trailers_;
    std::uint64_t received_bytes_ = 0;
    bool ended_ = false;
    bool lost_ = false;
    bool continue_due_ = false;
};

}  // namespace stepwise::http
