// fetch: one request, one response.
//
//     http::FetchResponse response = co_await http::fetch(url);
//     if (!response.error) log(response.body);
//
// Whatever goes wrong on the way is a value: `response.error`. A server that answers 404 has answered; `ok()` asks for
// both, and `throw_if_failed()` is for those who would rather have an exception. Everything is bounded, in time and in
// bytes. Of https it is certain whom it talks to, or there is an error. Redirects are followed, a body that comes as
// gzip or deflate is decoded, and proxies are those of the environment (see proxies.hpp). Each fetch has a connection
// of its own, which ends with it (`Connection: close`): connections that are kept, cookies and bodies that stream are
// in client.hpp. The loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stepwise/net/http/headers.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/received_headers.hpp>
#include <stepwise/net/tls/context.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string>
#include <utility>

namespace stepwise::http {

// A URL is one already. Owns all it has.
struct FetchRequest {
    FetchRequest(std::string url_text) : url(std::move(url_text)) {}
    FetchRequest(const char* url_text) : url(url_text) {}

    std::string url;  // checked by fetch, as net::Url says
    std::string method = "GET";
    Headers headers;   // Host is made of the URL, unless it is here
    std::string body;  // with its Content-Length
    // A body in pieces, instead of `body`: asked for the next one until it gives nothing. Sent in chunks, with
    // backpressure. What it throws, whoever fetches is thrown. A response that is none of success ends it early; any
    // other is read when all is sent.
    std::function<Coro<std::optional<std::string>>()> body_source;

    // Asks the server whether it wants the body, before it is sent (Expect: 100-continue): one that refuses is spared
    // it. One that says nothing for continue_timeout gets it.
    bool expect_continue = false;
    Duration continue_timeout = std::chrono::seconds(1);

    // Redirects that are followed, in all; 0: a redirect is a response like others. A POST becomes a GET as RFC 9110
    // §15.4 allows; other origins get no Authorization, Proxy-Authorization, Cookie or Host of `headers`. One that asks
    // for a body_source again is not followed.
    int redirects_max = 10;
    // Asks for gzip or deflate, and decodes it; the fields of the response stay as they came. limits.body_bytes_max
    // holds for what is decoded, too. Not with an Accept-Encoding among `headers`, nor with a Range: no part of what is
    // packed could be unpacked.
    bool decode = true;

    // For https: whom to trust. nullptr: whom the machine trusts, tls::Context::default_client().
    std::shared_ptr<const tls::Context> tls;

    // Each one counts from its own beginning; Duration::max() is no limit.
    Duration connect_timeout = std::chrono::seconds(10);  // to look up the host and to connect, TLS included
    Duration header_timeout = Duration::max();            // from then until the response's head is complete
    Duration total_timeout = std::chrono::seconds(20);    // for all of it
    // What the server may send. body_bytes_max bounds what a response can take of our memory.
    ParserLimits limits{.body_bytes_max = 16 * 1024 * 1024};
};

// Why there is no response.
struct FetchError {
    enum class Kind {
        invalid_request,  // the URL, the method or a header cannot be sent, or the environment's proxy is no URL:
                          // nothing was sent; or, in the callback form, the body_source threw
        resolve,          // the host has no address, or nobody could say
        connect,          // no address took the connection: refused, unreachable
        tls,              // whoever answered is not trusted, or speaks no TLS that we do; nothing was sent
        timeout,          // one of the request's timeouts
        connection_lost,  // it was reset, or ended before the response was complete
        bad_response,     // not HTTP, or HTTP that cannot be trusted
        limit_reached,    // the response passed one of the request's `limits`, or this program one of its own; or
                          // there were more redirects than redirects_max
        cancelled         // the task was asked to stop: in the callback form only
    };
    Kind kind;
    std::string message;  // one line, with method, URL and what decides it
};

// Thrown by FetchResponse::throw_if_failed. The message is the error's, or names URL and status.
class FetchFailedError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Owns all it has. With an error the rest is empty: what did not come whole cannot be taken for a response.
struct FetchResponse {
    int status = 0;           // 200 … 999, and 0 with an error
    std::string reason;       // as the server wrote it, for people
    ReceivedHeaders headers;  // without trailers
    std::string body;
    std::string url;  // that was asked in the end
    std::optional<FetchError> error;

    // A complete response came and its status is 2xx.
    bool ok() const noexcept { return !error && status >= 200 && status < 300; }
    // Throws FetchFailedError unless ok().
    void throw_if_failed() const;
};

// Does not throw for what a server, a network or a URL does: see FetchResponse::error. Cancel-safe: a cancelled fetch
// has closed its connection; whether the server has acted on the request is not known.
[[nodiscard]] Coro<FetchResponse> fetch(FetchRequest request);

namespace detail {

[[nodiscard]] FetchResponse cancelled_fetch(std::string url);
[[nodiscard]] FetchResponse failed_fetch(FetchError::Kind kind, std::string message, std::string url);

template <class Callback>
Coro<void> fetch_for(EventLoop& loop, FetchRequest request, Callback callback) {
    std::optional<FetchResponse> response;
    std::string url = request.url;
    Coro<FetchResponse> fetching = fetch(std::move(request));
    try {
        response.emplace(co_await std::move(fetching));
    } catch (const CancelledError&) {
        response.emplace(cancelled_fetch(std::move(url)));
    } catch (const std::exception& error) {  // of the body_source
        std::string message = url + ": the body_source of the request: " + error.what();
        response.emplace(failed_fetch(FetchError::Kind::invalid_request, std::move(message), std::move(url)));
    }
    loop.call_soon(
        [callback = std::move(callback), response = std::move(*response)]() mutable { callback(std::move(response)); });
}

}  // namespace detail

// `callback(FetchResponse)` is called by the loop, through call_soon, exactly once however it ends; only a loop that is
// destroyed calls nobody. For code that is made of callbacks; whoever wants a future, or to cancel, has one in
// `loop.create_task(http::fetch(request))`.
template <class Callback>
void fetch(EventLoop& loop, FetchRequest request, Callback callback) {
    static_cast<void>(loop.create_task(detail::fetch_for(loop, std::move(request), std::move(callback))));
}

}  // namespace stepwise::http
