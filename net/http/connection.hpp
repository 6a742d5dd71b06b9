// One HTTP connection of a server: bytes to requests, requests to handlers, responses back in order.
//
// It owns its transport and itself. One request is served at a time; those that a client sent ahead wait in the parser,
// and reading stops meanwhile. A plain handler runs inside the handle that brought the bytes and sees them in place;
// for a coroutine the request is copied once. The loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/http/router.hpp>
#include <stepwise/net/http/server.hpp>
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

private:
    friend class Upgrade;
    struct Exchange;
    // What it waits for, each with its own deadline.
    enum class Phase : std::uint8_t {
        idle,      // a request
        head,      // the end of a request's head
        body,      // the end of its body
        handler,   // a coroutine: no deadline
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
    bool finish_request();
    bool call(const Handler& handler, Request& request);
    bool call_plain(const PlainHandler& handler, const Request& request);
    bool start_coroutine(const CoroHandler& handler);
    bool upgrade(UpgradeHandler& handler, Request& request);
    bool respond(const Response& response);
    bool end_with(const Response& response);

    static Coro<void> run_coroutine(std::unique_ptr<Exchange> exchange, const CoroHandler& handler);
    void coroutine_done(const Response& response);
    void go_on();
    void end_of_input();
    Exchange& own_exchange();
    void give_back(Request& request);
    void enter(Phase phase) noexcept;
    bool is_waiting() const noexcept { return phase_ >= Phase::handler; }

    net::Transport::Owner transport_;
    std::string remote_ip_;
    RequestParser parser_;
    std::unique_ptr<Exchange> exchange_;  // of a request whose body is still coming
    Exchange* running_ = nullptr;         // its coroutine runs, and owns it
    std::optional<Task<void>> handling_;  // that coroutine's
    std::uint64_t acknowledged_bytes_ = 0;
    int deadline_tick_ = 0;
    Phase phase_ = Phase::idle;
    bool keep_alive_ = true;  // of the request that is served
    bool head_request_ = false;
    bool http_1_0_ = false;
    bool going_away_ = false;
    bool end_received_ = false;
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
