// The simulated network: who listens where, how long a piece travels, whose way is cut.
//
// One per simulation. It makes sockets and knows those that are bound; what became ready it collects for the reactor in
// `changed`. One thread.
#pragma once

#include <stepwise/runtime/sim/faults.hpp>
#include <stepwise/runtime/sim/socket.hpp>
#include <stepwise/runtime/sim/timeline.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace stepwise::sim {

class Network {
public:
    Network(const Options& options, Timeline& timeline, Faults& faults, const SeededRandom& random) noexcept;
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    std::shared_ptr<Socket> make(Socket::Kind kind, int family);

    int bind(Socket& socket, const Endpoint& wanted);
    int listen(Socket& socket, int backlog);
    // -EINPROGRESS for TCP: it ends as `connected` or `failed`.
    int connect(Socket& socket, const Endpoint& to);
    // nullptr, with minus an errno in `result`.
    std::shared_ptr<Socket> accept(Socket& listener, int& result);
    // Of TCP, in the order in which they were made; of no family: nobody listens.
    Endpoint first_listener() const;
    // It gives up its address.
    void unbind(Socket& socket) noexcept;

    // Whether pieces between the two ends are lost: partition and heal name an end, "127.0.0.1:80" or "10.0.0.7".
    bool is_cut(const Socket& from) const;
    void partition(const std::string& end) { cut_ends_.insert(end); }
    void heal(const std::string& end);

    // A slow line has small ones, so that what it carries arrives little by little.
    std::size_t piece_bytes_max() const noexcept;
    // When a piece that leaves now arrives; `line_free` is when the line has taken what was sent before.
    TimePoint arrival_of(std::size_t bytes, TimePoint& line_free);
    Duration latency();
    // The program may have become able to read or write: each reactor that uses the socket looks in its next wait.
    void changed(Socket& socket);
    struct Changed {
        std::shared_ptr<Socket> socket;
        Socket::Use* use;
    };
    // What this reactor uses, and the sockets that no reactor has used yet.
    std::vector<Changed> take_changed(const void* reactor);
    bool has_changed(const void* reactor) const noexcept;

    // Of TCP, by a connection's attempts.
    void ask_to_connect(Socket& socket);
    void answer(Socket& socket);

    // For reports: a line for each connection's end, with what it holds.
    std::string describe() const;

    // No time passes on the way, as on the kernel's loopback.
    bool at_once() const noexcept { return at_once_; }
    void set_at_once(bool on) noexcept { at_once_ = on; }

    const Options& options;
    Timeline& timeline;
    Faults& faults;

private:
    friend class Socket;

    Socket* find_listener(const Endpoint& at);
    bool is_taken(const Endpoint& at, bool shares_port) const;
    std::uint16_t free_port(Endpoint at);
    void ask_again(Socket& socket);
    int connect_unix(Socket& socket, const Endpoint& to);
    std::shared_ptr<Socket> queue_connection(Socket& listener, Socket& from);

    SeededRandom latencies_;
    SeededRandom choices_;
    std::map<Endpoint, std::vector<Socket*>> bound_;
    std::map<std::uint64_t, Socket*> sockets_;  // by their ids: no order here may depend on addresses
    std::uint64_t made_ = 0;
    std::set<std::string> cut_ends_;
    std::vector<Changed> changed_;
    std::uint16_t next_port_ = 40000;
    bool at_once_ = false;
};

}  // namespace stepwise::sim
