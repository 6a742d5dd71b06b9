// Client: fetches that share connections, cookies and proxies.
//
//     http::Client client(loop);
//     http::FetchResponse page = co_await client.fetch(url);
//     http::ResponseStream large = co_await client.open(url);
//     std::string part;
//     while (co_await large.read_some(part)) use(std::exchange(part, {}));
//     if (large.error()) log(large.error()->message);   // it was lost in the middle
//
// Everything about requests, errors and limits is as fetch.hpp says. Its end closes the connections that rest; fetches
// that run go on. It does not outlive its loop. The loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <stepwise/net/http/connection_pool.hpp>
#include <stepwise/net/http/cookie_jar.hpp>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/http/proxies.hpp>
#include <string>

namespace stepwise::http {

namespace detail {
class Following;
}

// A response whose body is still to be read. Its end, before that, closes the connection.
class ResponseStream {
public:
    ResponseStream(ResponseStream&&) noexcept;
    ResponseStream& operator=(ResponseStream&&) noexcept;
    ~ResponseStream();

    // 0 with an error that came before the head.
    int status() const noexcept;
    const std::string& reason() const noexcept;
    const ReceivedHeaders& headers() const noexcept;
    // That was asked in the end.
    std::string url() const;
    // Appends what comes next of the body, decoded, some 64 KiB at most. False: that was all, or error() says why there
    // is no more. The server is not read from in between. Within the request's total_timeout, counted from open().
    // Cancel-safe: a cancelled one has taken nothing.
    [[nodiscard]] Coro<bool> read_some(std::string& out);
    const std::optional<FetchError>& error() const noexcept;

private:
    friend class Client;
    explicit ResponseStream(std::unique_ptr<detail::Following> following) noexcept;
    std::unique_ptr<detail::Following> following_;
};

class Client {
public:
    struct Options {
        ConnectionPool::Options connections;
        // Shared with whom the program likes; nullptr: none are kept.
        std::shared_ptr<CookieJar> cookies;
        Proxies proxies = Proxies::from_environment();
    };

    // Throws std::invalid_argument for a proxy in the environment that is no URL.
    explicit Client(EventLoop& loop);
    Client(EventLoop& loop, Options options);

    // Cancel-safe, as http::fetch is.
    [[nodiscard]] Coro<FetchResponse> fetch(FetchRequest request);
    // Returns when the response's head is there, or an error. Cancel-safe.
    [[nodiscard]] Coro<ResponseStream> open(FetchRequest request);

    // Connections that rest.
    std::size_t idle_count() const noexcept { return pool_->idle_count(); }

private:
    std::shared_ptr<const Options> options_;
    std::shared_ptr<ConnectionPool> pool_;
};

}  // namespace stepwise::http
