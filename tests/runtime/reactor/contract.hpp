// What the contract tests share: each of them runs on every reactor, against real sockets, pipes and files.
//
// A World is a loop without tasks: it owns the reactor, queues what becomes ready and runs it when told. No test
// sleeps; `until` turns the loop until something is seen, and gives up after some seconds.
#pragma once

#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/clock.hpp>
#include <stepwise/runtime/reactor/operation.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>
#include <stepwise/runtime/ready_queue.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace contract {

using namespace std::chrono_literals;
using namespace stepwise;

struct Epoll {
    static constexpr bool is_simulated = false;
    static std::unique_ptr<Reactor> make(ReactorHost& host, const ReactorOptions& options, std::string&) {
        return make_epoll_reactor(host, options);
    }
};

struct Uring {
    static constexpr bool is_simulated = false;
    static std::unique_ptr<Reactor> make(ReactorHost& host, const ReactorOptions& options, std::string& why_not) {
        return make_uring_reactor(host, options, why_not);
    }
};

struct UringWithoutMultishot {
    static constexpr bool is_simulated = false;
    static std::unique_ptr<Reactor> make(ReactorHost& host, ReactorOptions options, std::string& why_not) {
        options.multishot = false;
        return make_uring_reactor(host, options, why_not);
    }
};

// Nothing takes time on its network, as on the kernel's loopback.
struct Sim {
    static constexpr bool is_simulated = true;
    static std::unique_ptr<Reactor> make(ReactorHost& host, const ReactorOptions& options, std::string&) {
        std::unique_ptr<Reactor> reactor = make_sim_reactor(host, options);
        reactor->simulation()->use_foreign_clock();
        return reactor;
    }
};

#define EVERY_REACTOR contract::Epoll, contract::Uring, contract::UringWithoutMultishot, contract::Sim

// Whether a case is left out on the simulator: told with the reason.
template <class Kind>
bool is_left_out(const char* why) {
    if (Kind::is_simulated) MESSAGE("not on the simulator: " << why);
    return Kind::is_simulated;
}

// An operation that counts how often it completed.
struct Counted : Operation {
    Counted() noexcept : Operation(&Counted::count) {}
    static void count(Operation& operation) noexcept { ++static_cast<Counted&>(operation).completions; }

    int completions = 0;
};

class Loop final : public ReactorHost {
public:
    ~Loop();

    void push_ready(ReadyNode& node) noexcept override { ready.push(node); }
    void offload(Operation& operation) override;
    bool withdraw_offloaded(Operation&) noexcept override { return false; }  // a thread begins at once
    void abandon_offloaded(Operation& operation) noexcept override;
    void run_job(Job&) noexcept override {}

    // Runs exactly what is ready now.
    void run_ready();
    bool turn(std::optional<Reactor::Duration> timeout);

    ReadyQueue ready;
    std::unique_ptr<Reactor> reactor;

private:
    struct Offloaded {
        Operation* operation;
        std::atomic<bool> done = false;
        std::thread thread;
    };

    void finish_offloaded();

    std::list<Offloaded> offloaded_;
};

template <class Kind>
class World {
public:
    explicit World(const ReactorOptions& options = {}) {
        loop.reactor = Kind::make(loop, options, why_not);
        if (loop.reactor == nullptr) MESSAGE("not tested: " << why_not);
    }

    // This machine has no such reactor.
    bool is_missing() const { return loop.reactor == nullptr; }
    Reactor& reactor() { return *loop.reactor; }

    void start(Counted& operation) {
        if (reactor().submit(operation)) ++operation.completions;
    }
    void poll() { loop.turn(0ns); }

    template <class Condition>
    bool until(Condition condition) {
        auto give_up = std::chrono::steady_clock::now() + 10s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            loop.turn(5ms);
        }
        return true;
    }

    int result_of(Counted& operation) {
        int before = operation.completions;
        start(operation);
        REQUIRE(until([&] { return operation.completions != before; }));
        CHECK(!operation.pending());
        return operation.result;
    }

    void close(UniqueFd& fd) {
        if (!fd) return;
        reactor().forget(fd.get());
        fd.reset();
    }

    // As the reactor counts it.
    std::chrono::steady_clock::time_point now() {
        Simulation* simulation = reactor().simulation();
        return simulation == nullptr ? std::chrono::steady_clock::now() : simulation->clock().now();
    }

    std::string why_not;
    Loop loop;
};

class TestReceiver final : public Receiver {
public:
    void received(std::span<char> part) override {
        bytes.append(part.data(), part.size());
        ++calls;
        if (on_received) on_received();
    }
    void receive_ended(int with) override {
        error = with;
        ++ends;
        if (on_end) on_end();
    }

    std::string bytes;
    int calls = 0;
    int ends = 0;
    int error = -1;
    std::function<void()> on_received;
    std::function<void()> on_end;
};

class TestAcceptor final : public Acceptor {
public:
    void accepted(int socket) override {
        sockets.emplace_back(socket);
        if (on_accepted) on_accepted();
    }
    void accept_failed(int with) override {
        error = with;
        ++failures;
    }

    std::vector<UniqueFd> sockets;
    int failures = 0;
    int error = 0;
    std::function<void()> on_accepted;
};

// All non-blocking and close-on-exec.
struct Pair {
    UniqueFd here;
    UniqueFd there;
};

Pair socket_pair();
Pair tcp_pair();
Pair pipe_pair();  // here is read, there is written

struct Listener {
    UniqueFd socket;
    int port = 0;
};

Listener tcp_listener(int backlog = 512, int port = 0);
// Starts to connect, does not wait.
UniqueFd connect_to(int port);

// Writes until nothing more goes in; how many bytes that were.
std::size_t fill(int fd);
// Reads until nothing more comes out.
std::string read_all(int fd);
std::string pattern(std::size_t bytes);
void send_text(int socket, std::string_view text);
// close() then sends a reset, not an orderly end.
void reset_when_closed(int socket);

}  // namespace contract

TYPE_TO_STRING_AS("epoll", contract::Epoll);
TYPE_TO_STRING_AS("io_uring", contract::Uring);
TYPE_TO_STRING_AS("sim", contract::Sim);
TYPE_TO_STRING_AS("io_uring without multishot", contract::UringWithoutMultishot);
