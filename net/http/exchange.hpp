// Exchange: one request and the response to it, on one connection of a pool: what a fetch is made of.
//
// Errors are values: `failure()`. A connection that has rested may be one that the server has just let go of: a request
// that may be sent twice (RFC 9110 §9.2.2) is sent again then, on a new one. It borrows its request. Used by one task
// at a time; its end closes the connection unless the response was read to its end. The loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stepwise/net/http/connection_pool.hpp>
#include <stepwise/net/http/content_decoder.hpp>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/url.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

// For messages: "2.5 s".
std::string in_seconds(Duration time);

class Exchange {
public:
    // `proxy`: through whom, if anybody, and what it is told of who asks. `cookies`: the Cookie field, or nothing.
    Exchange(std::shared_ptr<ConnectionPool> pool, const FetchRequest& request, net::Url url,
             std::optional<net::Url> proxy, std::string proxy_authorization, std::string cookies);
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Until the head of the response is there. False: `failure()` says why not.
    Coro<bool> begin();
    // Appends more of the body, decoded; at most some 64 KiB. False: it is complete, or it failed.
    Coro<bool> read_some(std::string& out);

    const net::Url& url() const noexcept { return url_; }
    int status() const noexcept { return status_; }
    const std::string& reason() const noexcept { return reason_; }
    const ReceivedHeaders& headers() const noexcept { return headers_; }
    // As the head says it: how many bytes come, before they are decoded.
    std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
    const std::optional<FetchError>& failure() const noexcept { return failure_; }
    // What it was at, for whoever gives up on it.
    std::string_view doing() const noexcept { return doing_; }
    bool is_complete() const noexcept { return complete_; }

    // An error of this request: method and URL before it.
    FetchError error(FetchError::Kind kind, std::string_view what) const;

private:
    bool fail(FetchError::Kind kind, std::string_view what);
    bool fail(const net::ProtocolError& error);
    bool write_head();
    bool asks_to_decode() const;
    Coro<bool> connect();
    Coro<std::unique_ptr<ClientConnection>> open_connection();
    Coro<ResponseEvent> ask();
    Coro<ResponseEvent> read_head();
    bool waits_for_continue() const;
    Coro<bool> wait_for_continue();
    Coro<void> read_until_continue();
    Coro<void> upload_and_read(TaskGroup& group);
    Coro<void> upload();
    bool may_ask_again() const;
    bool take_head(const ResponseHead& head);
    bool decode_more(std::string& out);
    void complete();

    std::shared_ptr<ConnectionPool> pool_;
    const FetchRequest& request_;
    net::Url url_;
    std::optional<net::Url> proxy_;
    std::string proxy_authorization_;
    std::string cookies_;
    std::string head_;
    std::string_view doing_ = "still connecting";
    std::optional<ConnectionPool::Lease> lease_;

    int status_ = 0;
    std::string reason_;
    ReceivedHeaders headers_;
    std::optional<std::uint64_t> content_length_;
    bool keeps_alive_ = false;
    std::optional<ContentDecoder> decoder_;
    std::uint64_t decoded_bytes_ = 0;
    bool complete_ = false;
    std::optional<FetchError> failure_;
    std::optional<ResponseEvent> first_;  // what upload_and_read or read_until_continue has read
    bool upload_complete_ = true;
    std::exception_ptr upload_error_;
};

}  // namespace stepwise::http
