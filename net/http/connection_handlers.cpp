// The handlers of a connection that take their time: coroutines, callbacks, and those that stream.
#include <fmt/format.h>
#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/error_page.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>

namespace stepwise::http {

namespace {

Response page_of_failure(const ServedRequest& exchange) {
    std::string route;
    if (exchange.route.entry != nullptr && EventLoop::current().debug()) {
        route = fmt::format("  its route was made at {}\n", place(exchange.route.entry->where));
    }
    const Request& request = exchange.request;
    return tell_failure(fmt::format("the handler of {} {}", request.method(), request.target()), route);
}

}  // namespace

ServedRequest::~ServedRequest() {
    if (connection != nullptr) connection->exchange_cancelled(*this);
}

// The client is told, unless the whole loop is ending.
void Connection::exchange_cancelled(ServedRequest& exchange) noexcept {
    if (running_ != &exchange) return;
    const bool begun = exchange.streams != nullptr && exchange.streams->writer.begun();
    if (server().loop().discarding()) {
        running_ = nullptr;
        handling_.reset();
        return;
    }
    if (begun) {
        const bool whole = exchange.streams->writer.ends_with_server_;
        if (whole) keep_alive_ = false;
        end_streams(exchange, !whole);
        return;
    }
    running_ = nullptr;
    handling_.reset();
    end_with(Response::error(503, "the server is shutting down"));
}

// ---- one response, later

bool Connection::start_coroutine(const Router::Match& match) {
    ServedRequest& exchange = own_exchange();
    exchange.route = match;
    exchange.request.own();
    running_ = &exchange;
    enter(Phase::handler);
    handling_ = server().loop().create_task(run_coroutine(std::move(exchange_)));
    return true;
}

Coro<void> Connection::run_coroutine(std::unique_ptr<ServedRequest> exchange) {
    if (exchange->connection == nullptr) co_return;  // gone before this began, perhaps with the handler
    Response response;
    try {
        Coro<Response> handling = std::get<CoroHandler>(*exchange->route.handler)(exchange->request);
        response = co_await std::move(handling);
    } catch (const CancelledError&) {
        throw;
    } catch (...) {
        response = page_of_failure(*exchange);
    }
    Connection* connection = std::exchange(exchange->connection, nullptr);
    if (connection != nullptr) connection->coroutine_done(*exchange, std::move(response));
}

void Connection::coroutine_done(ServedRequest& exchange, Response response) {
    running_ = nullptr;
    handling_.reset();
    const bool alive = respond(std::move(response), exchange.request, exchange.route.entry);
    if (!alive) return;  // not this object any more
    give_back(exchange.request);
    if (!is_waiting()) go_on();
}

bool Connection::call_back(const CallbackHandler& handler, const Router::Match& match) {
    ServedRequest& exchange = own_exchange();
    exchange.route = match;
    exchange.request.own();
    running_ = &exchange;
    enter(Phase::handler);
    ServedRequest::Early early;
    exchange.early = &early;
    try {
        handler(exchange.request, Responder(std::move(exchange_)));
    } catch (...) {
        // If its Responder was not kept, that has answered 500 by now.
        static_cast<void>(tell_failure("a callback handler"));
    }
    if (early.exchange == nullptr) {
        exchange.early = nullptr;
        return true;
    }
    running_ = nullptr;
    const bool alive = respond(std::move(early.response), exchange.request, exchange.route.entry);
    if (alive) give_back(exchange.request);
    return alive;
}

void Connection::answered(ServedRequest& exchange, Response response) {
    coroutine_done(exchange, std::move(response));
}

// ---- streams

bool Connection::start_streams(const Router::Match& match) {
    const bool body_comes = phase_ == Phase::body && streams_body(*match.handler);
    ServedRequest& exchange = own_exchange();
    exchange.route = match;
    exchange.request.own();
    exchange.streams = std::make_unique<ServedRequest::Streams>(exchange);
    RequestBody& body = exchange.streams->body;
    if (body_comes) {
        body.continue_due_ = exchange.request.head().expect_continue();
    } else {
        body.ended_ = true;
    }
    running_ = &exchange;
    write_tick_ = 0;
    if (body_comes) {
        phase_ = Phase::stream;  // with the deadline of the body
    } else {
        enter(Phase::handler);
    }
    handling_ = server().loop().create_task(run_streams(std::move(exchange_)));
    return true;
}

namespace {

// What it has thrown, as a page; for one that nobody would read, nothing more is told.
Coro<std::optional<Response>> call_streams(ServedRequest& exchange) {
    const Handler& handler = *exchange.route.handler;
    const Request& request = exchange.request;
    ServedRequest::Streams& streams = *exchange.streams;
    try {
        if (const auto* reads = std::get_if<BodyHandler>(&handler)) {
            Coro<Response> handling = (*reads)(request, streams.body);
            Response response = co_await std::move(handling);
            streams.writer.head() = std::move(response);
        } else {
            const auto* writes = std::get_if<WriterHandler>(&handler);
            Coro<void> handling = writes != nullptr
                                      ? (*writes)(request, streams.writer)
                                      : std::get<StreamHandler>(handler)(request, streams.body, streams.writer);
            co_await std::move(handling);
        }
    } catch (const CancelledError&) {
        throw;
    } catch (...) {
        if (exchange.connection == nullptr) co_return Response();  // as it was told
        co_return page_of_failure(exchange);
    }
    co_return std::nullopt;
}

}  // namespace

Coro<void> Connection::run_streams(std::unique_ptr<ServedRequest> exchange) {
    if (exchange->connection == nullptr) co_return;
    Coro<std::optional<Response>> handling = call_streams(*exchange);
    std::optional<Response> page = co_await std::move(handling);
    Connection* connection = exchange->connection;
    if (connection == nullptr) co_return;
    ResponseWriter& writer = exchange->streams->writer;
    if (page && !writer.begun()) writer.head() = std::move(*page);
    connection->streams_done(*exchange, page.has_value());
}

void Connection::streams_done(ServedRequest& exchange, bool failed) {
    if (phase_ == Phase::stream) keep_alive_ = false;  // the rest of a body that nobody reads
    if (exchange.streams->writer.begun()) {
        if (end_streams(exchange, failed) && !is_waiting()) go_on();
        return;
    }
    exchange.connection = nullptr;
    coroutine_done(exchange, std::move(exchange.streams->writer.head_));
}

bool Connection::end_streams(ServedRequest& exchange, bool failed) {
    running_ = nullptr;
    handling_.reset();
    ResponseWriter& writer = exchange.streams->writer;
    const bool whole = !failed && writer.finish();
    exchange.connection = nullptr;
    tell_answered(exchange.request, writer.head_.status, writer.written_bytes());
    if (!whole) {
        if (!failed) {
            std::string why = fmt::format("ResponseWriter: {} bytes were written, fewer than set_content_length said",
                                          writer.written_bytes());
            server().loop().call_exception_handler(std::make_exception_ptr(std::logic_error(why)), "a response");
        }
        transport_->abort();
        delete this;
        return false;
    }
    give_back(exchange.request);
    return end_message(keep_alive_ && !going_away_ && !writer.closes_);
}

BodyFraming Connection::write_head(ResponseWriter& writer) {
    ServedRequest& exchange = *running_;
    writer.head_.may_compress_stream = true;
    change(exchange.route.entry, exchange.request, writer.head_);
    OutgoingHead head(writer.head_);
    if (writer.head_.compress_stream) {
        writer.gzip_ = std::make_unique<GzipStream>();
        head.content_length = std::nullopt;
    } else {
        head.content_length = writer.content_length_;
    }
    const WriteOptions options = write_options(writer.head_.close_connection);
    const BodyFraming framing = write_response_head(*transport_, head, options);
    writer.closes_ = !options.keep_alive || framing == BodyFraming::until_close;
    return framing;
}

bool Connection::must_wait_to_write() noexcept {
    if (sends_file_) return true;
    if (!transport_->is_full()) return false;
    if (write_tick_ == 0) watch_peer();
    return true;
}

void Connection::watch_peer() noexcept {
    write_tick_ = server().tick() + server().options().write_timeout_seconds;
    acknowledged_bytes_ = transport_->acknowledged_bytes();
}

void Connection::begin_file() noexcept {
    sends_file_ = true;
    watch_peer();
}

void Connection::end_file() noexcept {
    sends_file_ = false;
    write_tick_ = 0;
    transport_->set_options(server().options().transport);
}

void Connection::body_wanted() {
    RequestBody& body = running_->streams->body;
    if (!std::exchange(body.continue_due_, false)) return;
    if (!running_->streams->writer.begun()) write_continue(*transport_);
}

void Connection::body_taken() {
    if (phase_ == Phase::stream) go_on();
}

void Connection::set_body_timeout(std::chrono::seconds total) noexcept {
    if (phase_ == Phase::stream) deadline_tick_ = server().tick() + static_cast<int>(total.count());
}

}  // namespace stepwise::http
