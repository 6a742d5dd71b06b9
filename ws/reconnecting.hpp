// A client that connects again: what ends, or cannot be reached, is tried anew, later each time.
//
//     ws::Reconnecting server = ws::reconnecting(url);
//     while (ws::ClientConnection connection = co_await server.next()) co_await talk(*connection);
//
// After a failure it waits for first_delay, twice as long after each further one, never longer than delay_max; half of
// that is sure, the rest drawn, so that the clients of a server that comes back do not come all at once. A connection
// that held for delay_max ends a row of failures; one that ended before is a failure itself. What no waiting can cure
// is thrown: a refusal by the server or a proxy (4xx but 408, 425 and 429), an answer that no WebSocket server gives (a
// 101 with a wrong key, or with a subprotocol or an extension that was not asked for). The loop's thread.
#pragma once

#include <stepwise/ws/client.hpp>

#include <string>
#include <string_view>

namespace stepwise::ws {

struct ReconnectOptions {
    ConnectOptions connect;
    Duration first_delay = std::chrono::milliseconds(500);
    Duration delay_max = std::chrono::seconds(30);
    // In a row; then the last one is thrown, a std::runtime_error if that was a connection which ended. 0: it never
    // gives up.
    int failures_max = 0;
};

class Reconnecting {
public:
    // std::invalid_argument for what is no ws or wss URL, and for delays that are none.
    Reconnecting(std::string_view url, ReconnectOptions options);

    // The next connection, when it is open. Nothing after stop(). One call at a time. Cancel-safe.
    Coro<ClientConnection> next();
    // No more connections; one that waits gets nothing when its delay or its try is over.
    void stop() noexcept { stopped_ = true; }

    // In a row, so far; and what the last one was.
    int failures() const noexcept { return failures_; }
    const std::string& last_error() const noexcept { return last_error_; }

private:
    Duration delay() const;
    void look_back(TimePoint now);
    void failed(std::string why);
    bool is_enough() const noexcept { return options_.failures_max != 0 && failures_ >= options_.failures_max; }

    std::string url_;
    ReconnectOptions options_;
    std::string last_error_;
    TimePoint opened_{};  // the last connection
    int failures_ = 0;
    bool has_opened_ = false;
    bool waits_ = false;  // before the next try
    bool stopped_ = false;
};

Reconnecting reconnecting(std::string_view url, ReconnectOptions options = {});

}  // namespace stepwise::ws
