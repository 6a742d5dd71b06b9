// What every kind of load has: connections to one server on loopback, an epoll loop that reads them, and the figures of
// the time that is measured. One thread.
//
// Closed loop: a connection sends `depth` messages with one send, and the next ones when all replies have come, so that
// batches are the same in every run. Every reply is looked at; the first wrong one ends the run. The main figure is the
// server's CPU time per message, from its process clock: nanoseconds, all threads.
#pragma once

#include <sys/types.h>
#include <stepwise/runtime/unique_fd.hpp>
#include <stepwise/tests/bench/net/histogram.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct LoadOptions {
    std::string kind;  // http, echo, broadcast, open, idle, idle-http
    int port = 0;
    std::vector<pid_t> servers;
    std::string path = "/";
    std::string body;  // http: what every response must hold
    std::size_t connections = 64;
    std::size_t depth = 1;
    std::size_t message_bytes = 64;
    double warmup_seconds = 0.2;
    std::optional<std::size_t> warmup_connections;  // idle: beside those that are counted, a fifth of them
    double seconds = 0.6;
};

using Nanoseconds = std::uint64_t;

Nanoseconds now();
// That the processes have used; nothing of one that is gone.
Nanoseconds cpu_time(const std::vector<pid_t>& processes);
std::size_t resident_bytes(pid_t process);

[[noreturn]] void fail(const std::string& what);
// A blocking socket with TCP_NODELAY whose reads give up after ten seconds.
stepwise::UniqueFd connect_to(int port);
void set_nonblocking(int fd);
// The value of the field `name` in a head, without the white space around it; empty if there is none.
std::string_view field(std::string_view head, std::string_view name);

struct LoadConnection {
    virtual ~LoadConnection() = default;

    stepwise::UniqueFd socket;
    std::uint32_t number = 0;
    bool waits_to_write = false;
    std::string unsent;
    std::uint64_t sent = 0;  // messages
    std::uint64_t received = 0;
    Nanoseconds batch_sent_at = 0;
};

class Load {
public:
    explicit Load(const LoadOptions& options);
    virtual ~Load() = default;
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // Prints the figures as one line of JSON.
    void run();

protected:
    // Makes the connections and gives them to add().
    virtual void open() = 0;
    // The first messages.
    virtual void start() = 0;
    virtual void input(LoadConnection& connection, std::string_view bytes) = 0;

    LoadConnection& add(std::unique_ptr<LoadConnection> connection);
    void send(LoadConnection& connection, std::string_view bytes);
    // The batch begins now: `options.depth` messages are under way.
    void begin_batch(LoadConnection& connection);
    void count_replies(LoadConnection& connection, std::size_t count);
    void count_reply_after(Nanoseconds latency) {
        latencies_.add(latency);
        ++count_;
    }

    const LoadOptions& options_;
    std::vector<std::unique_ptr<LoadConnection>> connections_;

private:
    void watch(LoadConnection& connection, int call);
    void serve(LoadConnection& connection, std::uint32_t events);
    void read(LoadConnection& connection);
    void flush(LoadConnection& connection);
    void update_watch(LoadConnection& connection);

    stepwise::UniqueFd epoll_;
    std::vector<char> buffer_;
    Histogram latencies_;
    std::uint64_t count_ = 0;
};

std::unique_ptr<Load> make_http_load(const LoadOptions& options);
std::unique_ptr<Load> make_echo_load(const LoadOptions& options);
std::unique_ptr<Load> make_broadcast_load(const LoadOptions& options);
// Opens WebSockets, or connections of HTTP, that do nothing, and prints what the server's memory grew by.
void measure_idle(const LoadOptions& options);
// Opens WebSockets, has one message echoed on each, and closes them: what that cost.
void measure_open(const LoadOptions& options);
// As one line of JSON; `times` are of whatever the load counts.
void print_figures(std::uint64_t count, Nanoseconds wall, Nanoseconds server_cpu, const Histogram& times);

}  // namespace bench
