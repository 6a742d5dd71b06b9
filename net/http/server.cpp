#include <fmt/format.h>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <algorithm>
#include <stdexcept>

namespace stepwise::http {

ServedConnection::ServedConnection(Server& server) noexcept : server_(&server) {
    server.add(*this);
}

void ServedConnection::leave_server() noexcept {
    if (server_ != nullptr) std::exchange(server_, nullptr)->remove(*this);
}

Server::Server(EventLoop& loop, Router router, ServerOptions options)
    : loop_(loop), router_(std::move(router)), options_(std::move(options)), started_(loop.time()) {
    ParserLimits limits = options_.parser;
    limits.body_bytes_max = std::max(options_.parser.body_bytes_max, options_.streamed_body_bytes_max);
    parser_limits_ = std::make_shared<const ParserLimits>(limits);
}

Server::~Server() {
    listeners_.clear();
    next_sweep_.cancel();
    while (connections_ != nullptr) connections_->abort();
}

net::Address Server::listen(const net::Address& address) {
    return listen(net::listen_on(address, options_.listen));
}

net::Address Server::listen(UniqueFd listening) {
    listeners_.push_back(std::make_unique<net::Listener>(loop_, std::move(listening),
                                                         [this](UniqueFd connected) { adopt(std::move(connected)); }));
    return listeners_.back()->address();
}

void Server::adopt(UniqueFd connected) {
    loop_.check_thread("http::Server::adopt");
    if (shutting_down_) return;
    net::set_nodelay(connected.get(), true);
    Connection::open(*this, std::move(connected), connection_count_ >= options_.connections_max);
}

void Server::set_tls(std::shared_ptr<const tls::Context> context) {
    loop_.check_thread("http::Server::set_tls");
    if (options_.tls == nullptr || context == nullptr)
        throw std::logic_error("http::Server::set_tls: it is plain http");
    options_.tls = std::move(context);
}

void Server::add(ServedConnection& connection) noexcept {
    connection.next_ = connections_;
    connection.from_ = &connections_;
    if (connections_ != nullptr) connections_->from_ = &connection.next_;
    connections_ = &connection;
    if (++connection_count_ == 1) start_sweeping();
}

void Server::remove(ServedConnection& connection) noexcept {
    if (swept_next_ == &connection) swept_next_ = connection.next_;
    *connection.from_ = connection.next_;
    if (connection.next_ != nullptr) connection.next_->from_ = connection.from_;
    if (--connection_count_ != 0) return;
    for (Future<void>& waiting : std::exchange(wait_until_gone_, {})) {
        if (!waiting.done()) waiting.set_result();
    }
}

// Nobody is watched: no timer wakes an idle server.
void Server::start_sweeping() {
    tick_ = static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(loop_.time() - started_).count()) + 1;
    if (!next_sweep_.pending()) {
        next_sweep_ = loop_.call_later(std::chrono::seconds(1), [this] { sweep(); });
    }
}

void Server::sweep() {
    if (connections_ == nullptr) return;
    start_sweeping();
    // The end of one may be the end of others, in a hook of a program's own.
    swept_next_ = connections_;
    while (ServedConnection* connection = swept_next_) {
        swept_next_ = connection->next_;
        connection->sweep(tick_);
    }
}

Response Server::too_large(bool streamed) const {
    return Response::error(413, fmt::format("the body has more than {} bytes ({})", body_bytes_max(streamed),
                                            streamed ? "streamed_body_bytes_max" : "body_bytes_max"));
}

std::string_view Server::date() {
    if (date_tick_ != tick_) {
        date_tick_ = tick_;
        std::time_t second = std::chrono::system_clock::to_time_t(loop_.wall_time());
        if (std::exchange(date_second_, second) != second) format_http_date(second, date_);
    }
    return {date_, sizeof(date_)};
}

namespace {

Coro<void> wait_until_done(Future<void>& future) {
    co_await future;
}

}  // namespace

Coro<void> Server::shutdown(Duration deadline) {
    shutting_down_ = true;
    listeners_.clear();
    struct AbortRest {
        Server& server;
        ~AbortRest() {
            while (server.connections_ != nullptr) server.connections_->abort();
        }
    } abort_rest{*this};
    swept_next_ = connections_;
    while (ServedConnection* connection = swept_next_) {
        swept_next_ = connection->next_;
        connection->go_away();
    }
    if (connections_ == nullptr) co_return;
    Future<void> all_gone = loop_.create_future<void>();
    wait_until_gone_.push_back(all_gone);
    Coro<void> waiting = wait_until_done(all_gone);
    try {
        co_await timeout(deadline, std::move(waiting));
    } catch (const TimeoutError&) {
        // The rest is aborted.
    }
}

}  // namespace stepwise::http
