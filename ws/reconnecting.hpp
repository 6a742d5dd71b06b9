// A client that connects again: what ends, or cannot be reached, is tried anew, later each time.
//
//     ws::Reconnecting server = ws::reconnecting(url);
//     while (ws::ClientConnection connection = co_await server.next()) co_await talk(*connection);
//
// After a failure it waits for first_delay, twice as long after each further one, never longer than delay_max; half of
// that is sure, the rest drawn, so that the clients of a server that comes back do not come all at once. A connection
// that held for delay_max begins a new row; one that ended before counts as a failure. What no waiting can cure is
// thrown: a refusal (4xx but 408, 425 and 429). The loop's thread.
#pragma once

#include <stepwise/ws/client.hpp>

#include <string>
#include <string_view>

namespace stepwise::ws {

struct ReconnectOptions {
    ConnectOptions connect;
    Duration first_delay = std::chrono::milliseconds(500);
    Duration delay_max = std::chrono::seconds(30);
    int failures_max = 0;  // in a row; then the last one is thrown. 0: it never gives up
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
    void failed(std::string why);

    std::string url_;
    ReconnectOptions options_;
    std::string last_error_;
    TimePoint opened_{};  // the last connection
    int failures_ = 0;
    bool has_opened_ = false;
    bool stopped_ = false;
};

Reconnecting reconnecting(std::string_view url, ReconnectOptions options = {});

}  // namespace stepwise::ws
