// The responses of a connection: written, told of, and what comes behind them.
#include <fmt/format.h>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/error_page.hpp>

namespace stepwise::http {

WriteOptions Connection::write_options(bool close) {
    WriteOptions options;
    options.head_request = head_request_;
    options.keep_alive = keep_alive_ && !going_away_ && !close;
    options.http_1_0 = http_1_0_;
    options.date = server().date();
    return options;
}

void Connection::change(const Router::Entry* entry, const Request& request, Response& response) {
    const Middleware& middleware = entry != nullptr ? *entry->middleware : server().router().middleware();
    if (middleware.empty()) return;
    try {
        middleware.change_after(request, response);
    } catch (...) {
        response = tell_failure(fmt::format("what is done after {} {}", request.method(), request.target()));
    }
}

void Connection::tell_answered(const Request& request, int status, std::uint64_t body_bytes) {
    const OnAnswered& on_answered = server().options().on_answered;
    if (!on_answered) return;
    EventLoop& loop = server().loop();
    try {
        on_answered(Answered{request, status, body_bytes, loop.wall_time(), loop.time() - started_});
    } catch (...) {
        loop.call_exception_handler(std::current_exception(), "on_answered");
    }
}

bool Connection::respond(Response&& response, const Request& request, const Router::Entry* entry) {
    change(entry, request, response);
    const WriteOptions options = write_options(response.close_connection);
    try {
        write_response(*transport_, response, options);
    } catch (const std::invalid_argument&) {  // a status that no final response can have
        server().loop().call_exception_handler(std::current_exception(), "a response");
        return end_with(Response::error(500));
    }
    tell_answered(request, response.status, head_request_ ? 0 : response.body.size());
    if (exchange_ != nullptr) {
        give_back(exchange_->request);
        exchange_.reset();
    }
    return end_message(options.keep_alive);
}

bool Connection::end_message(bool keep_alive) {
    head_request_ = false;  // whatever comes next is not known yet
    if (!keep_alive) return finish();
    enter(transport_->is_full() ? Phase::response : Phase::idle);
    return true;
}

// Whoever works on the request need not go on. Of a response that has begun nothing else can be made.
bool Connection::end_with(Response response) {
    const ServedRequest* const exchange = running_ != nullptr ? running_ : exchange_.get();
    const bool begun = running_ != nullptr && running_->streams != nullptr && running_->streams->writer.begun();
    if (begun) {
        transport_->abort();
        delete this;
        return false;
    }
    const WriteOptions options = write_options(true);
    write_response(*transport_, response, options);
    Request& unknown = server().scratch_request();
    if (exchange == nullptr) {
        unknown.clear();
        unknown.set_remote_ip(remote_ip_);
    }
    const std::size_t body_bytes = head_request_ ? 0 : response.body.size();
    tell_answered(exchange != nullptr ? exchange->request : unknown, response.status, body_bytes);
    let_go_of_running();
    return finish();
}

// The last response is written. What the peer does not take at once has write_timeout: a transport alone would give it
// no more than its linger_timeout. Within a handshake there is little, and it is sent alone.
bool Connection::finish() {
    transport_->flush();
    const tls::Session* tls = transport_->tls();
    const bool is_in_handshake = tls != nullptr && !tls->is_established();
    if (transport_->queued_bytes() == 0 || (is_in_handshake && !going_away_)) {
        delete this;
    } else {
        transport_->report_when_sent();
        transport_->resume_receiving();  // to see the peer leave
        enter(Phase::ending);
    }
    return false;
}

}  // namespace stepwise::http
