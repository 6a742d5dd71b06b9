// Receivers and Acceptors on the simulator: a record a started target, whose node is queued when its socket is ready.
//
// A record is reused only when it has no target, is not in the ready queue and is not running; it is freed with the
// reactor. All receives share one block, which is free again when `received` returns: a handle never runs in another.
// One thread.
#pragma once

#include <stepwise/runtime/sim/world.hpp>

#include <cstddef>
#include <deque>
#include <memory>

namespace stepwise::sim {

class Streams;

struct Stream : ReadyNode {
    explicit Stream(Streams& streams) noexcept : ReadyNode(nullptr), owner(&streams) {}

    bool has_target() const noexcept { return receiver != nullptr || acceptor != nullptr; }

    Streams* owner;
    std::shared_ptr<Socket> socket;  // while it has a target
    Socket::Use* use = nullptr;      // of that: the reactor's
    Receiver* receiver = nullptr;    // the target is one of the two, or gone
    Acceptor* acceptor = nullptr;
    bool queued = false;   // in the ready queue
    bool running = false;  // its target is being called
    bool paused = false;
    Stream* next_free = nullptr;
};

class Streams {
public:
    Streams(World& world, ReactorHost& host, const void* reactor, std::size_t block_bytes);
    ~Streams();
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

    void start(int fd, const std::shared_ptr<Socket>& socket, Receiver& receiver);
    void start(int fd, const std::shared_ptr<Socket>& socket, Acceptor& acceptor);
    void stop(void* record) noexcept;
    void pause(Receiver& receiver) noexcept;
    void resume(Receiver& receiver) noexcept;

    // Something may have changed. True: now it is queued.
    bool advance(Stream& stream) noexcept;

    std::size_t started() const noexcept { return started_; }

private:
    struct Delivery;

    static void run_receive(ReadyNode& node);
    static void run_accept(ReadyNode& node);
    void receive_once(Stream& stream);
    void accept_some(Stream& stream);

    Stream& acquire(const std::shared_ptr<Socket>& socket);
    void part(Stream& stream) noexcept;
    void release_if_done(Stream& stream) noexcept;

    World& world_;
    ReactorHost& host_;
    const void* reactor_;  // by whose name the sockets know it
    std::size_t block_bytes_;
    std::unique_ptr<char[]> block_;
    std::deque<Stream> streams_;
    Stream* free_ = nullptr;
    std::size_t started_ = 0;
};

}  // namespace stepwise::sim
