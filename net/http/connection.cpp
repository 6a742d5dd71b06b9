#include <fmt/format.h>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/error_page.hpp>

#include <limits>

namespace stepwise::http {

Connection::Connection(Server& server, UniqueFd socket)
    : ServedConnection(server),
      transport_(net::Transport::make(server.loop(), std::move(socket), this, server.options().transport)),
      remote_ip_(net::ip_of_peer(transport_->fd())),
      parser_(server.parser_limits()) {}

Connection::~Connection() {
    let_go_of_running();
}

// What its handler answers would go nowhere. One that streams is told so: it might never end by itself.
void Connection::let_go_of_running() noexcept {
    if (running_ == nullptr) return;
    ServedRequest& exchange = *std::exchange(running_, nullptr);
    exchange.connection = nullptr;
    if (exchange.streams == nullptr) return;
    ResponseWriter& writer = exchange.streams->writer;
    if (writer.begun()) tell_answered(exchange.request, writer.head_.status, writer.written_bytes());
    exchange.streams->body.lose();
    writer.lose();
    if (handling_) handling_->cancel();
    handling_.reset();
}

void Connection::open(Server& server, UniqueFd socket, bool refused) {
    auto* connection = new Connection(server, std::move(socket));
    if (server.options().tls != nullptr) connection->transport_->start_tls(server.options().tls);
    if (refused) {
        connection->end_with(Response::error(503, "too many connections (connections_max)"));
        return;
    }
    connection->enter(Phase::idle);
    connection->transport_->start_receiving();
}

// ---- what the transport tells

void Connection::received(std::span<char> bytes) {
    if (phase_ == Phase::ending) return;  // nothing that follows the last request counts
    parser_.receive_data(std::string_view(bytes.data(), bytes.size()));
    if (is_waiting()) {
        parser_.keep_unconsumed();
        transport_->pause_receiving();
        return;
    }
    serve_events();
}

// With TLS the end may come while receiving is paused: the body before it, or some of it, is not taken yet.
void Connection::received_end() {
    end_received_ = true;
    const bool body_waits = phase_ == Phase::stream && running_->streams->body.is_full();
    if (!is_waiting() && !body_waits) end_of_input();
}

void Connection::end_of_input() {
    std::optional<net::ProtocolError> error = parser_.receive_eof();
    if (error) {
        end_with(Response::error(*error));
    } else {
        delete this;
    }
}

void Connection::connection_lost(int) {
    delete this;
}

void Connection::drained() {
    if (phase_ == Phase::ending) {
        if (transport_->queued_bytes() == 0) delete this;
        return;
    }
    if (running_ != nullptr && running_->streams != nullptr) {
        if (!sends_file_) write_tick_ = 0;
        return running_->streams->writer.drained_.set();
    }
    if (phase_ != Phase::response) return;
    enter(Phase::idle);
    go_on();
}

// After a wait: the requests that have come meanwhile.
void Connection::go_on() {
    transport_->resume_receiving();
    if (planted("forgotten_request")) return;
    if (serve_events() && end_received_ && !is_waiting()) end_of_input();
}

void Connection::go_away() {
    going_away_ = true;
    if (phase_ == Phase::idle || phase_ == Phase::response) {
        finish();
    } else if (running_ != nullptr && running_->streams != nullptr && running_->streams->writer.ends_with_server_) {
        handling_->cancel();
    }
}

void Connection::abort() noexcept {
    if (handling_) handling_->cancel();
    transport_->abort();
    delete this;
}

void Connection::enter(Phase phase) noexcept {
    const ServerOptions& options = server().options();
    phase_ = phase;
    int seconds = 0;
    switch (phase) {
        case Phase::idle:
            seconds = options.keep_alive_timeout_seconds;
            break;
        case Phase::head:
            seconds = options.head_timeout_seconds;
            break;
        case Phase::body:
        case Phase::stream:
            seconds = options.body_timeout_seconds;
            break;
        case Phase::handler:
            seconds = options.answer_warning_seconds;
            break;
        case Phase::response:
        case Phase::ending:
            seconds = options.write_timeout_seconds;
            acknowledged_bytes_ = transport_->acknowledged_bytes();
    }
    deadline_tick_ = server().tick() + seconds;
}

void Connection::sweep(int tick) {
    if (phase_ == Phase::stream || phase_ == Phase::handler) return sweep_running(tick);
    if (phase_ >= Phase::response && transport_->acknowledged_bytes() > acknowledged_bytes_) enter(phase_);
    if (tick <= deadline_tick_) return;
    if (phase_ == Phase::head || phase_ == Phase::body) {
        end_with(Response::error(408, "the request did not come to its end in time"));
        return;
    }
    if (phase_ != Phase::idle) transport_->abort();
    delete this;
}

void Connection::sweep_running(int tick) {
    if (write_tick_ != 0 && transport_->acknowledged_bytes() > acknowledged_bytes_) {
        write_tick_ = 0;
        if (sends_file_) {
            watch_peer();
        } else {
            must_wait_to_write();
        }
    }
    const bool body_is_late = phase_ == Phase::stream && tick > deadline_tick_;
    const bool peer_takes_nothing = write_tick_ != 0 && tick > write_tick_;
    if (body_is_late && !running_->streams->writer.begun()) {
        end_with(Response::error(408, "the request did not come to its end in time"));
    } else if (body_is_late || peer_takes_nothing) {
        transport_->abort();
        delete this;
    } else if (phase_ == Phase::handler && tick > deadline_tick_) {
        tell_late_answer();
    }
}

// Of a callback: what a coroutine waits for, the tasks' dump tells.
void Connection::tell_late_answer() {
    deadline_tick_ = std::numeric_limits<int>::max();
    const int seconds = server().options().answer_warning_seconds;
    if (seconds == 0 || running_ == nullptr || running_->streams != nullptr || handling_) return;
    tell_unanswered(*running_,
                    fmt::format("has been kept for {} s without an answer (answer_warning_seconds)", seconds));
}

// ---- requests

bool Connection::serve_events() {
    for (;;) {
        Event event = parser_.next_event();
        if (std::holds_alternative<NeedMore>(event)) {
            if (exchange_ != nullptr) {
                exchange_->request.own();
            } else if (phase_ == Phase::idle && !parser_.is_between_messages()) {
                enter(Phase::head);
            }
            return true;
        }
        if (!serve(event)) return false;
        if (is_waiting()) {
            parser_.keep_unconsumed();
            transport_->pause_receiving();
            return true;
        }
    }
}

bool Connection::serve(const Event& event) {
    if (const auto* start = std::get_if<StartOfMessage>(&event)) return start_request(*start->head);
    if (const auto* data = std::get_if<BodyData>(&event)) return take_body(data->bytes);
    if (const auto* end = std::get_if<EndOfMessage>(&event)) return finish_request(*end->trailers);
    return end_with(Response::error(std::get<net::ProtocolError>(event)));
}

bool Connection::start_request(const RequestHead& head) {
    const ServerOptions& options = server().options();
    keep_alive_ = head.keep_alive();
    http_1_0_ = head.version() == Version::http_1_0;
    head_request_ = head.method() == "HEAD";
    if (options.on_answered) started_ = server().loop().time();
    Request& request = head.has_body() ? own_exchange().request : server().scratch_request();
    request.assign(head);
    const TrustedProxies& proxies = options.trusted_proxies;
    const bool has_proxies = !proxies.empty();
    const bool is_secure = transport_->tls() != nullptr;
    request.set_remote_ip(has_proxies ? proxies.client_of(request, remote_ip_) : std::string_view(remote_ip_));
    request.set_secure(has_proxies ? proxies.is_secure(request, remote_ip_, is_secure) : is_secure);
    return !head.has_body() || start_body(head);
}

// Who answers is known before the body comes, so that a client that waits for "100 Continue" may keep it.
bool Connection::start_body(const RequestHead& head) {
    enter(Phase::body);
    ServedRequest& exchange = *exchange_;
    exchange.route = server().router().match(exchange.request);
    const bool found = exchange.route.handler != nullptr;
    const bool streams = found && streams_body(*exchange.route.handler);
    const std::uint64_t bytes_max = server().body_bytes_max(streams);
    exchange.body_dropped = !found;
    if (head.expect_continue() && !found) {
        keep_alive_ = false;
        return refuse(exchange.route, exchange.request);
    }
    if (found && head.content_length().value_or(0) > bytes_max) return end_with(server().too_large(streams));
    if (streams) return answer(exchange.route, exchange.request);
    if (head.expect_continue()) write_continue(*transport_);
    return true;
}

bool Connection::take_body(std::string_view bytes) {
    if (phase_ == Phase::stream) {
        RequestBody& body = running_->streams->body;
        body.add(bytes);
        if (body.received_bytes() > server().body_bytes_max(true)) return end_with(server().too_large(true));
        if (!body.is_full()) return true;
        parser_.keep_unconsumed();
        transport_->pause_receiving();
        return false;
    }
    if (exchange_->body_dropped) return true;
    exchange_->request.append_body(bytes);
    if (exchange_->request.body().size() > server().body_bytes_max(false)) return end_with(server().too_large(false));
    return true;
}

ServedRequest& Connection::own_exchange() {
    if (exchange_ == nullptr) {
        exchange_ = std::make_unique<ServedRequest>();
        exchange_->connection = this;
        exchange_->request.swap(server().scratch_request());  // with its memory, and what it says already
    }
    return *exchange_;
}

// The next exchange begins with its memory.
void Connection::give_back(Request& request) {
    request.clear();
    server().scratch_request().swap(request);
}

bool Connection::finish_request(const HeaderFields& trailers) {
    if (phase_ == Phase::stream) {
        running_->streams->body.end(trailers);
        enter(Phase::handler);
        return true;
    }
    if (exchange_ != nullptr) return answer(exchange_->route, exchange_->request);
    Request& request = server().scratch_request();
    return answer(server().router().match(request), request);
}

bool Connection::answer(const Router::Match& match, Request& request) {
    if (match.handler == nullptr) return refuse(match, request);
    if (match.entry->middleware->empty()) return call(match, request);
    std::optional<Response> early;
    try {
        early = match.entry->middleware->answer_before(request);
    } catch (...) {
        early = tell_failure(fmt::format("what is done before {} {}", request.method(), request.target()));
    }
    if (!early) return call(match, request);
    if (exchange_ != nullptr && streams_body(*match.handler)) keep_alive_ = false;  // the body still comes
    return respond(std::move(*early), request, match.entry);
}

bool Connection::refuse(const Router::Match& match, const Request& request) {
    const bool asks = request.method() == "OPTIONS" && !match.allow.empty();
    Response refusal = asks ? Response(204) : Response::error(match.allow.empty() ? 404 : 405);
    if (!match.allow.empty()) refusal.headers.set("Allow", match.allow);
    return respond(std::move(refusal), request, nullptr);
}

bool Connection::call(const Router::Match& match, Request& request) {
    const Handler& handler = *match.handler;
    if (const auto* plain = std::get_if<PlainHandler>(&handler)) return call_plain(*plain, match, request);
    if (std::holds_alternative<CoroHandler>(handler)) return start_coroutine(match);
    if (const auto* callback = std::get_if<CallbackHandler>(&handler)) return call_back(*callback, match);
    if (const auto* upgrades = std::get_if<std::shared_ptr<UpgradeHandler>>(&handler)) {
        return upgrade(**upgrades, match, request);
    }
    return start_streams(match);
}

namespace {

Response answer_of(const PlainHandler& handler, const Request& request) {
    try {
        return handler(request);
    } catch (...) {
        return tell_failure(fmt::format("the handler of {} {}", request.method(), request.target()));
    }
}

}  // namespace

bool Connection::call_plain(const PlainHandler& handler, const Router::Match& match, const Request& request) {
    return respond(answer_of(handler, request), request, match.entry);
}

bool Connection::upgrade(UpgradeHandler& handler, const Router::Match& match, Request& request) {
    if (going_away_) return respond(Response::error(503, "the server is shutting down"), request, match.entry);
    Upgrade offer(*this);
    std::optional<Response> refusal;
    try {
        refusal = handler.accept(request, offer);
    } catch (...) {
        refusal = tell_failure("an upgrade handler");
    }
    if (transport_ != nullptr)
        return respond(refusal ? std::move(*refusal) : Response::error(500), request, match.entry);
    tell_answered(request, 101, 0);
    delete this;
    return false;
}

net::Transport::Owner Upgrade::take_transport() {
    connection_.transport_->set_handler(nullptr);
    return std::move(connection_.transport_);
}
net::Transport& Upgrade::transport() noexcept {
    return *connection_.transport_;
}
std::string_view Upgrade::unconsumed() const noexcept {
    return connection_.parser_.unconsumed();
}
Server& Upgrade::server() noexcept {
    return connection_.server();
}

}  // namespace stepwise::http
