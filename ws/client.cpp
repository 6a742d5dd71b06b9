#include <fmt/format.h>
#include <stepwise/net/connect.hpp>
#include <stepwise/net/http/redirect.hpp>
#include <stepwise/net/http/request_writer.hpp>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/net/http/tunnel.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/net/url.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/client_handshake.hpp>

#include <array>
#include <utility>

namespace stepwise::ws {

namespace {

// Whoever holds the ClientConnection asks for messages itself.
class HeldFace final : public Face {
public:
    void opened(Connection&) override {}
    bool message(Connection&, MessageView) override { return false; }
    void has_waiting(Connection&) override {}
    void closed(Connection&) override {}

    static void will_take_no_more(Connection& connection) noexcept { drop_waiting(connection); }
    static void will_do_no_more(Connection& connection) noexcept { done(connection); }
};

// The client's end: watches its peer by a timer of its own, and ends with the loop at the latest.
class Client final : public Connection, private LoopBound {
public:
    Client(net::Transport::Owner transport, std::shared_ptr<const ConnectionOptions> options, const Agreed& agreed,
           std::string_view remote_ip)
        : Connection(EventLoop::current(), std::move(transport), Role::client, std::move(options), agreed, remote_ip,
                     0) {
        loop().bind(*this);
        if (this->options().ping_interval_seconds != 0) watch_from_now();
    }

    void opened(std::span<char> unconsumed) { start(std::make_unique<HeldFace>(), unconsumed); }

    void let_go() noexcept {
        if (!loop_has_ended_) {
            HeldFace::will_take_no_more(*this);
            if (!loop().discarding()) start_close(CloseCode::normal_closure, {});
        }
        HeldFace::will_do_no_more(*this);
    }

private:
    ~Client() override {
        if (!loop_has_ended_) leave_loop();
    }
    void leave_loop() noexcept {
        next_watch_.cancel();
        loop().unbind(*this);
    }
    void loop_closing() noexcept override {
        leave_loop();
        loop_has_ended_ = true;
        end_now();
    }

    void watch_from_now() {
        next_watch_ = loop().call_later(std::chrono::seconds(1), [this] {
            if (!is_open()) return;
            watch_from_now();
            check_peer(++seconds_);
        });
    }

    Handle next_watch_;
    int seconds_ = 0;
    bool loop_has_ended_ = false;
};

std::string new_client_key(EventLoop& loop) {
    std::array<std::byte, 16> random;
    loop.entropy().fill(random);
    return make_client_key(random);
}

// A connection from its request to the end of the server's answer. Owned by the coroutine that waits for it.
class Opening final : private net::TransportHandler {
public:
    Opening(UniqueFd socket, const net::Url& url, const ConnectOptions& options)
        : options_(options),
          key_(new_client_key(EventLoop::current())),
          answered_(EventLoop::current().create_future<void>()),
          remote_ip_(net::Address::of_peer(socket.get()).host()),
          transport_(
              net::Transport::make(EventLoop::current(), std::move(socket), this, options.connection.transport)) {
        net::set_nodelay(transport_->fd(), true);
        if (url.is_secure()) {
            transport_->start_tls(options.tls != nullptr ? options.tls : tls::Context::default_client(), url.host());
        }
        http::Headers fields = options.headers;
        fields.set("Upgrade", "websocket").set("Sec-WebSocket-Version", "13").set("Sec-WebSocket-Key", key_);
        const CompressionOptions& compression = options.connection.protocol.compression;
        if (compression.enabled) fields.set("Sec-WebSocket-Extensions", compression_offer(compression));
        if (!options.subprotocols.empty()) {
            fields.set("Sec-WebSocket-Protocol", fmt::format("{}", fmt::join(options.subprotocols, ", ")));
        }
        std::string host = url.host_field();
        http::OutgoingRequest request;
        request.target = url.path_and_query();
        request.host = host;
        request.headers = &fields;
        http::write_request_head(*transport_, request);
        parser_.expect_response(request.method);
        transport_->start_receiving();
    }
    ~Opening() {
        if (transport_) transport_->abort();
    }

    // Done when the connection is open, or is to be opened elsewhere; HandshakeError when it will not be.
    Future<void>& answered() { return answered_; }
    ClientConnection take_connection() { return std::move(connection_); }
    // Empty: nowhere else.
    const std::string& location() const { return location_; }

private:
    void received(std::span<char> bytes) override {
        if (answered_.done()) return;  // the task that waits was cancelled in this turn, and ends us in the next
        parser_.receive_data({bytes.data(), bytes.size()});
        http::ResponseEvent event = parser_.next_event();
        while (std::holds_alternative<http::InterimResponse>(event)) event = parser_.next_event();
        if (const auto* start = std::get_if<http::StartOfResponse>(&event)) {
            decide(*start->head);
        } else if (const auto* mistake = std::get_if<net::ProtocolError>(&event)) {
            refuse(0, mistake->message);
        }
    }
    void received_end() override { refuse(0, "the server closed the connection before it answered"); }
    void connection_lost(int) override {
        refuse(0, fmt::format("the connection was lost before the server answered: {}", transport_->why_lost()));
    }
    void drained() override {}

    void decide(const http::ResponseHead& head) {
        if (http::is_redirect(head.status()) && options_.redirects_max != 0) {
            location_ = head.headers().get("Location");
            if (!location_.empty()) return answered_.set_result();
        }
        UpgradeResponse response{.status = head.status()};
        for (const http::HeaderField& field : head.headers()) response.add_field(field.name, field.value);
        const CompressionOptions& compression = options_.connection.protocol.compression;
        if (const auto error = check_response(response, key_, options_.subprotocols, compression)) {
            return refuse(error->code, error->message);
        }
        const Agreed agreed{chosen_subprotocol(response), agreed_compression(response, compression)};
        // They may be in the parser's memory, or in the kernel's.
        std::string early(parser_.unconsumed());
        auto options = std::make_shared<ConnectionOptions>(options_.connection);
        options->subprotocols = options_.subprotocols;
        auto* client = new Client(std::move(transport_), std::move(options), agreed, remote_ip_);
        connection_.reset(client);
        answered_.set_result();
        client->opened(early);
    }
    void refuse(int status, const std::string& why) {
        if (!answered_.done()) answered_.set_exception(std::make_exception_ptr(HandshakeError(status, why)));
    }

    const ConnectOptions& options_;
    std::string key_;
    Future<void> answered_;
    std::string remote_ip_;
    std::string location_;
    http::ResponseParser parser_;
    ClientConnection connection_;
    net::Transport::Owner transport_;
};

// A server that is meant for browsers may name itself by http or https.
net::Url redirected(const net::Url& from, const std::string& location) {
    std::string why;
    std::optional<net::Url> to = from.join(location, why);
    if (to && to->scheme().starts_with("http")) to = net::Url::parse("ws" + to->to_string().substr(4), why);
    if (!to) throw HandshakeError(0, fmt::format("redirected to \"{}\": {}", location, why));
    if (from.is_secure() && !to->is_secure()) {
        throw HandshakeError(0, fmt::format("redirected to {}, which is not secure", to->to_string()));
    }
    return std::move(*to);
}

Coro<UniqueFd> reach(const net::Url& url, const ConnectOptions& options) {
    const std::optional<net::Url> proxy = options.proxies.proxy_for(url);
    if (!proxy) {
        UniqueFd direct = co_await net::connect_socket(url.host(), url.port());
        co_return direct;
    }
    net::Stream stream = co_await net::Stream::connect(proxy->host(), proxy->port());
    std::string authorization(options.proxies.authorization_for(url));
    Coro<void> opening = http::open_tunnel(stream, *proxy, url, std::move(authorization));
    co_await std::move(opening);
    net::Stream::Detached detached = co_await stream.detach();
    co_return std::move(detached.socket);
}

Coro<ClientConnection> open(net::Url url, ConnectOptions& options) {
    for (int redirects = 0;; ++redirects) {
        UniqueFd socket = co_await reach(url, options);
        Opening opening(std::move(socket), url, options);
        co_await opening.answered();
        if (opening.location().empty()) co_return opening.take_connection();
        if (redirects == options.redirects_max) {
            throw HandshakeError(0, fmt::format("redirected more than {} times (redirects_max)", redirects));
        }
        net::Url next = redirected(url, opening.location());
        if (!next.same_origin(url)) http::drop_fields_of_origin(options.headers);
        url = std::move(next);
    }
}

Coro<ClientConnection> open_in_time(net::Url url, ConnectOptions options) {
    try {
        Coro<ClientConnection> opening = open(url, options);
        co_return co_await timeout(options.open_timeout, std::move(opening));
    } catch (const HandshakeError& error) {
        throw HandshakeError(error.status, fmt::format("{}: {}", url.to_string(), error.what()));
    } catch (const TimeoutError&) {
        std::chrono::duration<double> limit = options.open_timeout;
        throw TimeoutError(fmt::format("{}: not open after {:g} s (open_timeout)", url.to_string(), limit.count()));
    }
}

}  // namespace

void LetGoOfClient::operator()(Connection* connection) const noexcept {
    static_cast<Client*>(connection)->let_go();
}

Coro<ClientConnection> connect(std::string_view url) {
    return connect(url, ConnectOptions());
}

Coro<ClientConnection> connect(std::string_view url, const ConnectOptions& options) {
    std::string error;
    std::optional<net::Url> parsed = net::Url::parse(url, error);
    if (!parsed) throw std::invalid_argument("ws::connect: " + error);
    if (!parsed->scheme().starts_with("ws")) {
        throw std::invalid_argument(fmt::format("ws::connect: {} is no ws:// or wss:// URL", parsed->to_string()));
    }
    check_compression(options.connection.protocol.compression);
    return open_in_time(std::move(*parsed), options);
}

}  // namespace stepwise::ws
