// An HTTP/1.1 server on one loop: listeners, the connections that they gave, and their orderly end.
//
//     http::Server server(loop, std::move(router));
//     net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
//     co_await server.shutdown(10s);
//
// It owns its connections, whatever protocol they speak by now; a handler's frame may outlive its connection. One sweep
// a second watches every deadline, instead of a timer each. It must end before its loop. The loop's thread.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/router.hpp>
#include <stepwise/net/http/served_connection.hpp>
#include <stepwise/net/http/trusted_proxies.hpp>
#include <stepwise/net/listener.hpp>
#include <stepwise/net/transport.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string_view>
#include <vector>

namespace stepwise::http {

// One request that was answered: what a log wants to know. Valid during the call.
struct Answered {
    const Request& request;  // without a method where what came was none
    int status;              // 101: it became another protocol
    std::uint64_t body_bytes;
    std::chrono::system_clock::time_point at;
    Duration took;  // from its head on, as the loop saw it
};
using OnAnswered = std::function<void(const Answered&)>;

struct ServerOptions {
    // Its body_bytes_max is for bodies that are collected in memory.
    ParserLimits parser;
    std::uint64_t streamed_body_bytes_max = 1024 * 1024 * 1024;  // for handlers that read it themselves: 413
    net::TransportOptions transport;
    net::ListenOptions listen;
    std::shared_ptr<const tls::Context> tls;  // nullptr: plain http
    std::size_t connections_max = 20'000;     // one more is told 503 and closed
    // Whole seconds, watched once a second.
    int head_timeout_seconds = 10;        // from a request's first byte to the end of its head: 408
    int body_timeout_seconds = 60;        // from there to the end of its body: 408
    int keep_alive_timeout_seconds = 75;  // between two requests, and before the first
    int write_timeout_seconds = 60;       // the peer takes nothing of a full outbox for so long: closed
    int answer_warning_seconds = 60;      // a Responder is kept so long without an answer: told of, once; 0: never
    // Whose word is taken for where a request comes from (X-Forwarded-For); nobody's unless they are named.
    TrustedProxies trusted_proxies;
    // Told of every answer once it is written, or broken off. On the hot path: see access_log.hpp for what to do there.
    OnAnswered on_answered;
};

class Server {
public:
    Server(EventLoop& loop, Router router, ServerOptions options = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    // Closes everything at once; shutdown() first for an orderly end.
    ~Server();

    // Returns where it listens: with the port that the kernel chose for port 0. Throws std::system_error.
    net::Address listen(const net::Address& address);
    // The same with a socket that listens already.
    net::Address listen(UniqueFd listening);

    // Serves a connection that was accepted elsewhere: by another loop, which posted its socket here.
    void adopt(UniqueFd connected);

    // New certificates, for the connections that come; a server with plain http has std::logic_error.
    void set_tls(std::shared_ptr<const tls::Context> context);

    // Stops accepting, lets what is in flight finish, tells every connection to go (WebSockets: 1001); what is still
    // there at the deadline is aborted, its handlers cancelled. Cancel-safe: then aborts at once.
    Coro<void> shutdown(Duration deadline);

    std::size_t connection_count() const noexcept { return connection_count_; }
    bool shutting_down() const noexcept { return shutting_down_; }

    // For connections.
    EventLoop& loop() const noexcept { return loop_; }
    const Router& router() const noexcept { return router_; }
    const ServerOptions& options() const noexcept { return options_; }
    const std::shared_ptr<const ParserLimits>& parser_limits() const noexcept { return parser_limits_; }
    std::uint64_t body_bytes_max(bool streamed) const noexcept {
        return streamed ? options_.streamed_body_bytes_max : options_.parser.body_bytes_max;
    }
    Response too_large(bool streamed) const;
    // Seconds of the loop's clock since the server was made, as of the last sweep: what deadlines are counted in.
    int tick() const noexcept { return tick_; }
    std::string_view date();  // "Sun, 06 Nov 1994 08:49:37 GMT", made anew once a second
    Request& scratch_request() noexcept { return scratch_request_; }
    void add(ServedConnection& connection) noexcept;
    void remove(ServedConnection& connection) noexcept;

private:
    void sweep();
    void start_sweeping();

    EventLoop& loop_;
    Router router_;
    ServerOptions options_;
    std::shared_ptr<const ParserLimits> parser_limits_;  // whose body_bytes_max is that of any handler
    std::vector<std::unique_ptr<net::Listener>> listeners_;
    ServedConnection* connections_ = nullptr;
    std::size_t connection_count_ = 0;
    Request scratch_request_;  // borrowed by one plain handler at a time
    TimePoint started_;
    Handle next_sweep_;
    int tick_ = 0;
    std::time_t date_second_ = -1;
    int date_tick_ = -1;
    char date_[29];
    bool shutting_down_ = false;
    ServedConnection* swept_next_ = nullptr;
    std::vector<Future<void>> wait_until_gone_;
};

}  // namespace stepwise::http
