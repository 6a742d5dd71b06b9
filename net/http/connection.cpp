#include <fmt/format.h>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/writer.hpp>

namespace stepwise::http {

// A request that must outlive the bytes it came in: its body is still coming, or a coroutine works on it.
struct Connection::Exchange : frame_pool::Pooled {
    ~Exchange() {
        if (connection == nullptr || connection->running_ != this) return;
        // Its coroutine was cancelled: the client is told, unless the whole loop is ending.
        connection->running_ = nullptr;
        connection->handling_.reset();
        if (connection->server().loop().discarding()) return;
        connection->end_with(Response::error(503, "the server is shutting down"));
    }

    Request request;
    Connection* connection = nullptr;  // nullptr: it is gone
    const Handler* handler = nullptr;
};

Connection::Connection(Server& server, UniqueFd socket)
    : ServedConnection(server),
      transport_(net::Transport::make(server.loop(), std::move(socket), this, server.options().transport)),
      remote_ip_(net::ip_of_peer(transport_->fd())),
      parser_(server.options().parser) {}

Connection::~Connection() {
    if (running_ != nullptr) running_->connection = nullptr;
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

void Connection::received_end() {
    end_received_ = true;
    if (!is_waiting()) end_of_input();
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
    if (phase_ == Phase::idle || phase_ == Phase::response) finish();
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
            seconds = options.body_timeout_seconds;
            break;
        case Phase::handler:
            break;
        case Phase::response:
        case Phase::ending:
            seconds = options.write_timeout_seconds;
            acknowledged_bytes_ = transport_->acknowledged_bytes();
    }
    deadline_tick_ = server().tick() + seconds;
}

void Connection::sweep(int tick) {
    if (phase_ == Phase::handler) return;
    if (phase_ >= Phase::response && transport_->acknowledged_bytes() > acknowledged_bytes_) enter(phase_);
    if (tick <= deadline_tick_) return;
    if (phase_ == Phase::head || phase_ == Phase::body) {
        end_with(Response::error(408, "the request did not come to its end in time"));
        return;
    }
    if (phase_ != Phase::idle) transport_->abort();
    delete this;
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
    if (const auto* data = std::get_if<BodyData>(&event)) {
        exchange_->request.append_body(data->bytes);
        return true;
    }
    if (std::holds_alternative<EndOfMessage>(event)) return finish_request();
    return end_with(Response::error(std::get<net::ProtocolError>(event)));
}

bool Connection::start_request(const RequestHead& head) {
    keep_alive_ = head.keep_alive();
    http_1_0_ = head.version() == Version::http_1_0;
    head_request_ = head.method() == "HEAD";
    if (!head.has_body()) {
        server().scratch_request().assign(head);
        server().scratch_request().set_remote_ip(remote_ip_);
        return true;
    }
    enter(Phase::body);
    own_exchange().request.assign(head);
    exchange_->request.set_remote_ip(remote_ip_);
    if (head.expect_continue()) write_continue(*transport_);
    return true;
}

Connection::Exchange& Connection::own_exchange() {
    if (exchange_ == nullptr) {
        exchange_ = std::make_unique<Exchange>();
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

bool Connection::finish_request() {
    Request& request = exchange_ != nullptr ? exchange_->request : server().scratch_request();
    Router::Match match = server().router().match(request);
    if (match.handler != nullptr) return call(*match.handler, request);
    Response refusal = Response::error(match.allow.empty() ? 404 : 405);
    if (!match.allow.empty()) refusal.headers.set("Allow", match.allow);
    return respond(refusal);
}

bool Connection::call(const Handler& handler, Request& request) {
    if (const auto* plain = std::get_if<PlainHandler>(&handler)) return call_plain(*plain, request);
    if (const auto* coroutine = std::get_if<CoroHandler>(&handler)) return start_coroutine(*coroutine);
    return upgrade(*std::get<std::shared_ptr<UpgradeHandler>>(handler), request);
}

bool Connection::call_plain(const PlainHandler& handler, const Request& request) {
    Response response;
    try {
        response = handler(request);
    } catch (...) {
        server().loop().call_exception_handler(std::current_exception(),
                                               fmt::format("the handler of {} {}", request.method(), request.target()));
        response = Response::error(500);
    }
    return respond(response);
}

bool Connection::start_coroutine(const CoroHandler& handler) {
    own_exchange().request.own();
    running_ = exchange_.get();
    enter(Phase::handler);
    handling_ = server().loop().create_task(run_coroutine(std::move(exchange_), handler));
    return true;
}

Coro<void> Connection::run_coroutine(std::unique_ptr<Exchange> exchange, const CoroHandler& handler) {
    if (exchange->connection == nullptr) co_return;  // gone before this began, perhaps with the handler
    Response response;
    try {
        Coro<Response> handling = handler(exchange->request);
        response = co_await std::move(handling);
    } catch (const CancelledError&) {
        throw;
    } catch (...) {
        const Request& request = exchange->request;
        EventLoop::current().call_exception_handler(
            std::current_exception(), fmt::format("the handler of {} {}", request.method(), request.target()));
        response = Response::error(500);
    }
    Connection* connection = std::exchange(exchange->connection, nullptr);
    if (connection != nullptr) connection->coroutine_done(response);
}

void Connection::coroutine_done(const Response& response) {
    give_back(running_->request);
    running_ = nullptr;
    handling_.reset();
    if (respond(response) && !is_waiting()) go_on();
}

bool Connection::upgrade(UpgradeHandler& handler, Request& request) {
    if (going_away_) return respond(Response::error(503, "the server is shutting down"));
    Upgrade offer(*this);
    std::optional<Response> refusal;
    try {
        refusal = handler.accept(request, offer);
    } catch (...) {
        server().loop().call_exception_handler(std::current_exception(), "an upgrade handler");
        refusal = Response::error(500);
    }
    if (transport_ != nullptr) return respond(refusal ? *refusal : Response::error(500));
    delete this;
    return false;
}

// ---- responses

bool Connection::respond(const Response& response) {
    if (exchange_ != nullptr) {
        give_back(exchange_->request);
        exchange_.reset();
    }
    WriteOptions options;
    options.head_request = head_request_;
    options.keep_alive = keep_alive_ && !going_away_ && !response.close_connection;
    options.http_1_0 = http_1_0_;
    options.date = server().date();
    try {
        write_response(*transport_, response, options);
    } catch (const std::invalid_argument&) {  // a status that no final response can have
        server().loop().call_exception_handler(std::current_exception(), "a response");
        return end_with(Response::error(500));
    }
    if (!options.keep_alive) return finish();
    enter(transport_->is_full() ? Phase::response : Phase::idle);
    return true;
}

bool Connection::end_with(const Response& response) {
    WriteOptions options;
    options.head_request = false;
    options.keep_alive = false;
    options.http_1_0 = http_1_0_;
    options.date = server().date();
    write_response(*transport_, response, options);
    return finish();
}

// The last response is written. What is little the transport sends alone; a shutdown waits until all is sent.
bool Connection::finish() {
    if (transport_->queued_bytes() == 0 || (!going_away_ && !transport_->is_full())) {
        delete this;
    } else {
        transport_->report_when_sent();
        transport_->resume_receiving();  // to see the peer leave
        enter(Phase::ending);
    }
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
