#include <fmt/format.h>
#include <stepwise/net/http/exchange.hpp>
#include <stepwise/net/http/request_writer.hpp>
#include <stepwise/net/http/tunnel.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/net/tls/error.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <algorithm>
#include <array>

namespace stepwise::http {

namespace {

using Kind = FetchError::Kind;

Kind kind_of(const std::system_error& connecting) {
    if (connecting.code().category() == net::resolver_category()) return Kind::resolve;
    if (connecting.code().category() != tls::category()) return Kind::connect;
    return connecting.code().value() == static_cast<int>(tls::Failure::timeout) ? Kind::timeout : Kind::tls;
}

// RFC 9110 §9.2.2.
bool is_idempotent(std::string_view method) {
    constexpr std::array<std::string_view, 6> methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

std::string server_of(const net::Url& url, const std::optional<net::Url>& proxy) {
    // What goes to a proxy in plain text may share a connection whoever it is for.
    if (proxy && !url.is_secure()) return "proxy " + proxy->host_field();
    std::string server = fmt::format("{}://{}:{}", url.scheme(), url.host(), url.port());
    if (proxy) server += " through " + proxy->host_field();
    return server;
}

}  // namespace

std::string in_seconds(Duration time) {
    return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

Exchange::Exchange(std::shared_ptr<ConnectionPool> pool, const FetchRequest& request, net::Url url,
                   std::optional<net::Url> proxy, std::string proxy_authorization, std::string cookies)
    : pool_(std::move(pool)),
      request_(request),
      url_(std::move(url)),
      proxy_(std::move(proxy)),
      proxy_authorization_(std::move(proxy_authorization)),
      cookies_(std::move(cookies)) {}

FetchError Exchange::error(Kind kind, std::string_view what) const {
    return {kind, fmt::format("{} {}: {}", request_.method, url_.to_string(), what)};
}

bool Exchange::fail(Kind kind, std::string_view what) {
    failure_ = error(kind, what);
    lease_.reset();
    return false;
}

bool Exchange::fail(const net::ProtocolError& error) {
    const bool is_limit = error.code == 413 || error.code == 431;
    if (is_limit) return fail(Kind::limit_reached, error.message);
    return fail(lease_->connection->has_ended() ? Kind::connection_lost : Kind::bad_response,
                fmt::format("{} ({})", error.message, error.section));
}

bool Exchange::asks_to_decode() const {
    return request_.decode && !request_.headers.contains("Accept-Encoding") && !request_.headers.contains("Range");
}

bool Exchange::write_head() {
    try {
        OutgoingRequest outgoing;
        const std::string host = url_.host_field();
        const std::string target = proxy_ && !url_.is_secure() ? url_.to_string() : std::string(url_.path_and_query());
        Headers headers = request_.headers;
        if (asks_to_decode()) headers.add("Accept-Encoding", "gzip, deflate");
        if (!cookies_.empty()) headers.add("Cookie", cookies_);
        const bool asks_proxy = proxy_ && !url_.is_secure() && !proxy_authorization_.empty();
        if (asks_proxy && !headers.contains("Proxy-Authorization")) {
            headers.add("Proxy-Authorization", proxy_authorization_);
        }
        if (waits_for_continue()) headers.set("Expect", "100-continue");
        outgoing.method = request_.method;
        outgoing.target = target;
        outgoing.host = host;
        outgoing.headers = &headers;
        outgoing.content_length = request_.body.size();
        if (request_.body_source) outgoing.content_length = std::nullopt;
        outgoing.close_connection = !pool_->keeps_connections();
        net::StringSink sink(head_);
        write_request_head(sink, outgoing);
        return true;
    } catch (const std::invalid_argument& error) {
        failure_ = FetchError{Kind::invalid_request, url_.to_string() + ": " + error.what()};
        return false;
    }
}

Coro<bool> Exchange::begin() {
    if (!write_head()) co_return false;
    for (bool may_have_rested = true;; may_have_rested = false) {
        ConnectionPool::Key key{server_of(url_, proxy_), request_.tls};
        lease_.reset();
        Coro<ConnectionPool::Lease> taking = ConnectionPool::take(pool_, std::move(key), may_have_rested);
        ConnectionPool::Lease lease = co_await std::move(taking);
        lease_.emplace(std::move(lease));
        if (lease_->connection == nullptr) {
            const bool connected = co_await connect();
            if (!connected) co_return false;
        }
        doing_ = "waiting for the response's head";
        try {
            Coro<ResponseEvent> asking = ask();
            ResponseEvent event = co_await timeout(request_.header_timeout, std::move(asking));
            if (upload_error_) std::rethrow_exception(upload_error_);
            if (const auto* start = std::get_if<StartOfResponse>(&event)) co_return take_head(*start->head);
            if (!may_ask_again()) co_return fail(std::get<net::ProtocolError>(event));
        } catch (const TimeoutError&) {
            co_return fail(Kind::timeout, fmt::format("no head of a response within header_timeout ({})",
                                                      in_seconds(request_.header_timeout)));
        } catch (const std::system_error& error) {
            if (upload_error_) std::rethrow_exception(upload_error_);
            if (!may_ask_again()) co_return fail(Kind::connection_lost, error.what());
        }
    }
}

// The server had let go of the connection before it saw the request.
bool Exchange::may_ask_again() const {
    return lease_->has_rested && !lease_->connection->has_received() && is_idempotent(request_.method) &&
           !request_.body_source;
}

Coro<bool> Exchange::connect() {
    doing_ = "still connecting";
    try {
        Coro<std::unique_ptr<ClientConnection>> opening = open_connection();
        std::unique_ptr<ClientConnection> connection = co_await timeout(request_.connect_timeout, std::move(opening));
        lease_->connection = std::move(connection);
        co_return true;
    } catch (const TimeoutError&) {
        co_return fail(Kind::timeout,
                       fmt::format("no connection within connect_timeout ({})", in_seconds(request_.connect_timeout)));
    } catch (const std::system_error& error) {
        co_return fail(kind_of(error), error.what());
    } catch (const LimitError& error) {  // of the thread pool, or a proxy's head
        co_return fail(Kind::limit_reached, error.what());
    } catch (const net::EndOfStreamError&) {
        co_return fail(Kind::connect, "the proxy ended the connection");
    } catch (const std::runtime_error& error) {  // TLS itself: this build has none, or whom to trust cannot be read
        co_return fail(Kind::tls, error.what());
    }
}

Coro<std::unique_ptr<ClientConnection>> Exchange::open_connection() {
    const net::Url& first = proxy_ ? *proxy_ : url_;
    net::Stream stream = co_await net::Stream::connect(first.host(), first.port());
    if (url_.is_secure()) {
        if (proxy_) {
            doing_ = "asking the proxy for a tunnel";
            Coro<void> opening = open_tunnel(stream, *proxy_, url_, proxy_authorization_);
            co_await std::move(opening);
        }
        std::shared_ptr<const tls::Context> trusted = request_.tls;
        if (trusted == nullptr) trusted = tls::Context::default_client();
        doing_ = "in the handshake of TLS";
        co_await stream.start_tls(std::move(trusted), url_.host());
    }
    co_return std::make_unique<ClientConnection>(std::move(stream), request_.limits);
}

Coro<ResponseEvent> Exchange::ask() {
    ClientConnection& connection = *lease_->connection;
    connection.set_limits(request_.limits);
    if (waits_for_continue()) {
        connection.send(request_.method, head_, {});
        upload_complete_ = false;
        const bool goes_on = co_await wait_for_continue();
        if (!goes_on) co_return std::move(*first_);
        if (!request_.body_source) {
            connection.stream().write(request_.body);
            upload_complete_ = true;
            co_return co_await read_head();
        }
    } else if (!request_.body_source) {
        connection.send(request_.method, head_, request_.body);
        co_return co_await read_head();
    } else {
        connection.send(request_.method, head_, {});
    }
    upload_complete_ = false;
    auto both = [](TaskGroup& group, Exchange* self) { return self->upload_and_read(group); };
    Coro<void> running = task_group(both, this);
    co_await std::move(running);
    co_return std::move(*first_);
}

bool Exchange::waits_for_continue() const {
    return request_.expect_continue && (request_.body_source || !request_.body.empty());
}

// RFC 9110 §10.1.1: false when the server has answered already, and shall not be sent the body. Servers that know
// nothing of it say nothing.
Coro<bool> Exchange::wait_for_continue() {
    first_.reset();
    try {
        Coro<void> reading = read_until_continue();
        co_await timeout(request_.continue_timeout, std::move(reading));
    } catch (const TimeoutError&) {
        co_return true;
    }
    co_return !first_;
}

Coro<void> Exchange::read_until_continue() {
    for (;;) {
        ResponseEvent event = co_await lease_->connection->next_event();
        const auto* interim = std::get_if<InterimResponse>(&event);
        if (interim != nullptr && interim->head->status() == 100) co_return;
        if (interim != nullptr) continue;
        first_ = std::move(event);
        co_return;
    }
}

// The head of the response itself, or an error.
Coro<ResponseEvent> Exchange::read_head() {
    for (;;) {
        ResponseEvent event = co_await lease_->connection->next_event();
        if (!std::holds_alternative<InterimResponse>(event)) co_return event;
    }
}

Coro<void> Exchange::upload_and_read(TaskGroup& group) {
    Task<void> uploading = group.start_soon(upload());
    Coro<ResponseEvent> reading = read_head();
    first_ = co_await std::move(reading);
    const auto* start = std::get_if<StartOfResponse>(&*first_);
    if (start == nullptr || start->head->status() >= 300) uploading.cancel();
}

Coro<void> Exchange::upload() {
    net::Stream& stream = lease_->connection->stream();
    std::string out;
    net::StringSink sink(out);
    try {
        for (;;) {
            Coro<std::optional<std::string>> next = request_.body_source();
            std::optional<std::string> part = co_await std::move(next);
            out.clear();
            if (!part) break;
            write_chunk(sink, *part);
            co_await stream.write_all(out);
        }
        write_last_chunk(sink);
        co_await stream.write_all(out);
        upload_complete_ = true;
    } catch (const CancelledError&) {
        throw;
    } catch (const std::system_error&) {
        // The connection is lost: whoever reads it is told.
        if (stream.fd() >= 0) upload_error_ = std::current_exception();
    } catch (...) {
        upload_error_ = std::current_exception();
    }
    if (upload_error_) stream.abort();
}

bool Exchange::take_head(const ResponseHead& head) {
    if (head.switches_protocol()) {
        return fail(Kind::bad_response, "the server switched to another protocol (RFC 9110 §7.8)");
    }
    status_ = head.status();
    reason_ = head.reason();
    headers_ = ReceivedHeaders(head.headers(), head.block());
    content_length_ = head.content_length();
    keeps_alive_ = head.keep_alive();
    const bool has_body = head.body_framing() != BodyFraming::none;
    if (has_body && asks_to_decode() && headers_.count("Content-Encoding") == 1) {
        const std::optional<ContentCoding> coding = content_coding_named(headers_.get("Content-Encoding"));
        if (coding) decoder_.emplace(*coding);
    }
    doing_ = "reading the response's body";
    return true;
}

Coro<bool> Exchange::read_some(std::string& out) {
    while (!complete_ && !failure_) {
        if (decoder_ && decode_more(out)) co_return true;
        if (failure_) break;
        try {
            ResponseEvent event = co_await lease_->connection->next_event();
            if (const auto* error = std::get_if<net::ProtocolError>(&event)) co_return fail(*error);
            if (std::holds_alternative<EndOfMessage>(event)) {
                complete();
            } else if (decoder_) {
                decoder_->receive_data(std::get<BodyData>(event).bytes);
            } else {
                out += std::get<BodyData>(event).bytes;
                co_return true;
            }
        } catch (const std::system_error& error) {
            co_return fail(Kind::connection_lost, error.what());
        }
    }
    co_return false;
}

bool Exchange::decode_more(std::string& out) {
    const std::size_t before = out.size();
    const bool more = decoder_->decode_more(out);
    decoded_bytes_ += out.size() - before;
    if (decoded_bytes_ > request_.limits.body_bytes_max) {
        fail(Kind::limit_reached,
             fmt::format("the decoded body is larger than body_bytes_max ({})", request_.limits.body_bytes_max));
        return false;
    }
    if (decoder_->error() != nullptr) fail(Kind::bad_response, decoder_->error());
    return more && !failure_;
}

void Exchange::complete() {
    if (decoder_) decoder_->receive_end();
    if (decoder_ && decoder_->error() != nullptr) {
        fail(Kind::bad_response, decoder_->error());
        return;
    }
    complete_ = true;
    if (keeps_alive_ && upload_complete_) lease_->give_back();
    lease_.reset();
}

}  // namespace stepwise::http
