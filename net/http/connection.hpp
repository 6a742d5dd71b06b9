// One HTTP connection of a server: bytes to requests, requests to handlers, responses back in order.
//
// It owns its transport and itself. One request is served at a time; those that a client sent ahead wait in the parser,
// and reading stops meanwhile. A plain handler runs inside the handle that brought the bytes and sees them in place;
// for any other the request is copied once. connection.cpp has its life and its requests, connection_handlers.cpp the
// handlers that take their time, connection_responses.cpp what is answered. The loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stepwise/net/http/body_framing.hpp>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/http/router.hpp>
#include <stepwise/net/http/served_request.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/net/transport.hpp>
#include <string>

namespace stepwise::http {

class Connection final : private net::TransportHandler, public ServedConnection, public frame_pool::Pooled {
public:
    // Serves the socket. `refused`: the server is full, and only says so.
    static void open(Server& server, UniqueFd socket, bool refused);

    void go_away() override;
    void abort() noexcept override;
    void sweep(int tick) override;

    // For the exchange that a handler has.
    net::Transport& transport() noexcept { return *transport_; }
    void body_wanted();
    void body_taken();
    void set_body_timeout(std::chrono::seconds total) noexcept;
    BodyFraming write_head(ResponseWriter& writer);
    // Says so to sweep(), which watches whether the peer takes anything.
    bool must_wait_to_write() noexcept;
    // In between it watches that of a file that the kernel sends.
    void begin_file() noexcept;
    void end_file() noexcept;
    // Of a callback's exchange, which lets go of the connection.
    void answered(ServedRequest& exchange, Response response);
    // A coroutine's exchange ends without an answer.
    void exchange_cancelled(ServedRequest& exchange) noexcept;

private:
    friend class Upgrade;
    // What it waits for, each with its own deadline.
    enum class Phase : std::uint8_t {
        idle,      // a request
        head,      // the end of a request's head
        body,      // the end of its body
        stream,    // the same, while a handler reads it
        handler,   // a coroutine or a callback: no deadline, but while it waits for the peer to take something
        response,  // the peer, which must take some of a full outbox
        ending     // the same, of the last response
    };

    Connection(Server& server, UniqueFd socket);
    ~Connection() override;

    void received(std::span<char> bytes) override;
    void received_end() override;
    void connection_lost(int error) override;
    void drained() override;

    // Each returns whether this object still exists and may go on with the next event.
    bool finish();
    bool serve_events();
    bool serve(const Event& event);
    bool start_request(const RequestHead& head);
    bool start_body(const RequestHead& head);
    bool take_body(std::string_view bytes);
    bool finish_request(const HeaderFields& trailers);
    bool answer(const Router::Match& match, Request& request);
    bool refuse(const Router::Match& match, const Request& request);
    bool call(const Router::Match& match, Request& request);
    bool call_plain(const PlainHandler& handler, const Router::Match& match, const Request& request);
    bool call_back(const CallbackHandler& handler, const Router::Match& match);
    bool start_coroutine(const Router::Match& match);
    bool start_streams(const Router::Match& match);
    bool upgrade(UpgradeHandler& handler, const Router::Match& match, Request& request);
    // `entry`: nullptr where no route was found.
    bool respond(Response&& response, const Request& request, const Router::Entry* entry);
    bool end_with(Response response);
    bool end_message(bool keep_alive);

    static Coro<void> run_coroutine(std::unique_ptr<ServedRequest> exchange);
    static Coro<void> run_streams(std::unique_ptr<ServedRequest> exchange);
    void coroutine_done(ServedRequest& exchange, Response response);
    void streams_done(ServedRequest& exchange, bool failed);
    bool end_streams(ServedRequest& exchange, bool failed);
    void go_on();
    void end_of_input();
    void sweep_running(int tick);
    void tell_late_answer();
    void watch_peer() noexcept;
    void let_go_of_running() noexcept;
    ServedRequest& own_exchange();
    void give_back(Request& request);
    void enter(Phase phase) noexcept;
    void change(const Router::Entry* entry, const Request& request, Response& response);
    void tell_answered(const Request& request, int status, std::uint64_t body_bytes);
    WriteOptions write_options(bool close);
    bool is_waiting() const noexcept { return phase_ >= Phase::handler; }

    net::Transport::Owner transport_;
    std::string remote_ip_;
    RequestParser parser_;
    std::unique_ptr<ServedRequest> exchange_;  // of a request whose body is still coming
    ServedRequest* running_ = nullptr;         // a handler has it, and owns it
    std::optional<Task<void>> handling_;       // that handler's, if it is a coroutine
    std::uint64_t acknowledged_bytes_ = 0;
    TimePoint started_{};    // of the request, if somebody wants to know
    int deadline_tick_ = 0;  // of the phase
    int write_tick_ = 0;     // of a handler that waits for the peer; 0: none does
    Phase phase_ = Phase::idle;
    bool keep_alive_ = true;  // of the request that is served
    bool head_request_ = false;
    bool http_1_0_ = false;
    bool going_away_ = false;
    bool end_received_ = false;
    bool sends_file_ = false;
};

// What an UpgradeHandler takes over.
class Upgrade {
public:
    // The connection's transport, with no handler set; HTTP is over. At most once.
    net::Transport::Owner take_transport();
    net::Transport& transport() noexcept;
    // What the client already sent behind its request; gone when the handler returns.
    std::string_view unconsumed() const noexcept;
    Server& server() noexcept;

private:
    friend class Connection;
    explicit Upgrade(Connection& connection) noexcept : connection_(connection) {}
    Connection& connection_;
};

}  // namespace stepwise::http
