#include <fmt/format.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/client_connection.hpp>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/http/request_writer.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/net/tls/error.hpp>
#include <stepwise/net/url.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <algorithm>
#include <new>

namespace stepwise::http {

namespace {

using Kind = FetchError::Kind;

// A Content-Length that is announced is only room for that much once so much has come.
constexpr std::uint64_t reserved_bytes_max = 1024 * 1024;

FetchResponse failed(std::string url, Kind kind, std::string message) {
    FetchResponse response;
    response.url = std::move(url);
    response.error = FetchError{kind, std::move(message)};
    return response;
}

std::string seconds(Duration time) {
    return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

Kind kind_of(const std::system_error& connecting) {
    if (connecting.code().category() == net::resolver_category()) return Kind::resolve;
    if (connecting.code().category() != tls::category()) return Kind::connect;
    return connecting.code().value() == static_cast<int>(tls::Failure::timeout) ? Kind::timeout : Kind::tls;
}

// One fetch, in the frame of `fetch`, whose request it borrows.
class Exchange {
public:
    Exchange(const FetchRequest& request, net::Url url) : request_(request), url_(std::move(url)) {}

    Coro<FetchResponse> run();
    FetchResponse fail(Kind kind, std::string_view what) const {
        return failed(url_.to_string(), kind, fmt::format("{} {}: {}", request_.method, url_.to_string(), what));
    }
    FetchResponse fail_total_timeout() const {
        return fail(Kind::timeout, fmt::format("no complete response within total_timeout ({}): {}",
                                               seconds(request_.total_timeout), doing_));
    }

private:
    // Empty: `failure_` says why.
    Coro<std::optional<net::Stream>> connect();
    Coro<net::Stream> open();
    Coro<FetchResponse> ask(ClientConnection& connection);
    Coro<ResponseEvent> read_head(ClientConnection& connection);
    Coro<FetchResponse> read_response(ClientConnection& connection);
    FetchResponse fail(const net::ProtocolError& error, bool connection_has_ended) const;

    const FetchRequest& request_;
    net::Url url_;
    std::string head_;
    std::string_view doing_ = "still connecting";  // for whoever gives up on it
    std::optional<FetchResponse> failure_;
};

Coro<FetchResponse> Exchange::run() {
    try {
        OutgoingRequest outgoing;
        const std::string host = url_.host_field();
        outgoing.method = request_.method;
        outgoing.target = url_.path_and_query();
        outgoing.host = host;
        outgoing.headers = &request_.headers;
        outgoing.content_length = request_.body.size();
        outgoing.close_connection = true;
        net::StringSink sink(head_);
        write_request_head(sink, outgoing);
    } catch (const std::invalid_argument& error) {
        co_return failed(url_.to_string(), Kind::invalid_request, url_.to_string() + ": " + error.what());
    }
    std::optional<net::Stream> stream = co_await connect();
    if (!stream) co_return std::move(*failure_);
    doing_ = "waiting for the response's head";
    ClientConnection connection(std::move(*stream), request_.limits);
    try {
        co_return co_await ask(connection);
    } catch (const std::system_error& error) {
        co_return fail(Kind::connection_lost, error.what());
    }
}

Coro<net::Stream> Exchange::open() {
    net::Stream stream = co_await net::Stream::connect(url_.host(), url_.port());
    if (url_.is_secure()) {
        std::shared_ptr<const tls::Context> trusted = request_.tls;
        if (trusted == nullptr) trusted = tls::Context::default_client();
        doing_ = "in the handshake of TLS";
        co_await stream.start_tls(std::move(trusted), url_.host());
    }
    co_return stream;
}

Coro<std::optional<net::Stream>> Exchange::connect() {
    try {
        Coro<net::Stream> opening = open();
        net::Stream stream = co_await timeout(request_.connect_timeout, std::move(opening));
        co_return std::move(stream);
    } catch (const TimeoutError&) {
        failure_ = fail(Kind::timeout,
                        fmt::format("no connection within connect_timeout ({})", seconds(request_.connect_timeout)));
    } catch (const std::system_error& error) {
        failure_ = fail(kind_of(error), error.what());
    } catch (const LimitError& error) {  // of the thread pool
        failure_ = fail(Kind::limit_reached, error.what());
    } catch (const std::runtime_error& error) {  // TLS itself: this build has none, or whom to trust cannot be read
        failure_ = fail(Kind::tls, error.what());
    }
    co_return std::nullopt;
}

Coro<FetchResponse> Exchange::ask(ClientConnection& connection) {
    connection.send(request_.method, head_, request_.body);
    co_return co_await read_response(connection);
}

// The head of the response itself, or an error.
Coro<ResponseEvent> Exchange::read_head(ClientConnection& connection) {
    for (;;) {
        ResponseEvent event = co_await connection.next_event();
        if (!std::holds_alternative<InterimResponse>(event)) co_return event;
    }
}

Coro<FetchResponse> Exchange::read_response(ClientConnection& connection) {
    FetchResponse response;
    response.url = url_.to_string();
    try {
        Coro<ResponseEvent> reading = read_head(connection);
        ResponseEvent event = co_await timeout(request_.header_timeout, std::move(reading));
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            co_return fail(*error, connection.has_ended());
        }
        const ResponseHead& head = *std::get<StartOfResponse>(event).head;
        if (head.switches_protocol()) {
            co_return fail(Kind::bad_response, "the server switched to another protocol (RFC 9110 §7.8)");
        }
        response.status = head.status();
        response.reason = head.reason();
        response.headers = ReceivedHeaders(head.headers(), head.block());
        if (head.body_framing() == BodyFraming::content_length) {
            response.body.reserve(static_cast<std::size_t>(std::min(*head.content_length(), reserved_bytes_max)));
        }
    } catch (const TimeoutError&) {
        co_return fail(Kind::timeout, fmt::format("no head of a response within header_timeout ({})",
                                                  seconds(request_.header_timeout)));
    }
    doing_ = "reading the response's body";
    for (;;) {
        ResponseEvent event = co_await connection.next_event();
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            co_return fail(*error, connection.has_ended());
        }
        if (std::holds_alternative<EndOfMessage>(event)) co_return response;
        response.body += std::get<BodyData>(event).bytes;
    }
}

FetchResponse Exchange::fail(const net::ProtocolError& error, bool connection_has_ended) const {
    const bool is_limit = error.code == 413 || error.code == 431;
    if (is_limit) return fail(Kind::limit_reached, error.message);
    return fail(connection_has_ended ? Kind::connection_lost : Kind::bad_response,
                fmt::format("{} ({})", error.message, error.section));
}

}  // namespace

void FetchResponse::throw_if_failed() const {
    if (ok()) return;
    if (error) throw FetchFailedError(error->message);
    throw FetchFailedError(fmt::format("{}: {} {}", url, status, reason));
}

FetchResponse detail::cancelled_fetch(std::string url) {
    std::string message = "cancelled: " + url;
    return failed(std::move(url), Kind::cancelled, std::move(message));
}

Coro<FetchResponse> fetch(FetchRequest request) {
    std::string why;
    std::optional<net::Url> url = net::Url::parse(request.url, why);
    if (!url) co_return failed(request.url, Kind::invalid_request, std::move(why));
    if (!url->scheme().starts_with("http")) {
        co_return failed(
            request.url, Kind::invalid_request,
            fmt::format("{}: only http and https URLs can be fetched, not {}", request.url, url->scheme()));
    }
    Exchange exchange(request, std::move(*url));
    try {
        Coro<FetchResponse> running = exchange.run();
        co_return co_await timeout(request.total_timeout, std::move(running));
    } catch (const TimeoutError&) {
        co_return exchange.fail_total_timeout();
    }
}

}  // namespace stepwise::http
