// Receivers and Acceptors on epoll: a record a started target, whose node is queued when its descriptor is readable.
//
// A record is reused only when it has no target, is not in the ready queue and is not running; it is freed with the
// reactor. All receives share one block, which is free again when `received` returns: a handle never runs in another.
// One thread.
#pragma once

#include <stepwise/runtime/reactor/epoll_table.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>

#include <cstddef>
#include <deque>
#include <memory>

namespace stepwise {

class EpollStreams;

// ReadyNode::next links those that are free, too: none of them is in the ready queue.
struct EpollStream : ReadyNode {
    explicit EpollStream(EpollStreams& streams) noexcept : ReadyNode(nullptr), owner(&streams) {}

    bool has_target() const noexcept { return receiver != nullptr || acceptor != nullptr; }

    EpollStreams* owner;
    Receiver* receiver = nullptr;  // the target is one of the two, or gone
    Acceptor* acceptor = nullptr;
    int fd = -1;
    bool queued = false;   // in the ready queue
    bool running = false;  // its target is being called
    bool paused = false;
};

class EpollStreams {
public:
    EpollStreams(EpollTable& table, ReactorHost& host, std::size_t block_bytes);
    ~EpollStreams();
    EpollStreams(const EpollStreams&) = delete;
    EpollStreams& operator=(const EpollStreams&) = delete;

    void start(int socket, Receiver& receiver);
    void start(int socket, Acceptor& acceptor);
    void stop(Receiver& receiver) noexcept;
    void stop(Acceptor& acceptor) noexcept;
    void pause(Receiver& receiver) noexcept;
    void resume(Receiver& receiver) noexcept;

    // An event came for the stream's descriptor, or something else may have changed. True: now it is queued.
    bool advance(EpollStream& stream) noexcept;

    std::size_t started() const noexcept { return started_; }

private:
    struct Delivery;

    static void run_receive(ReadyNode& node);
    static void run_accept(ReadyNode& node);
    void receive_once(EpollStream& stream);
    void accept_some(EpollStream& stream);

    EpollStream& acquire(int socket);
    void part(EpollStream& stream) noexcept;
    void release_if_done(EpollStream& stream) noexcept;

    EpollTable& table_;
    ReactorHost& host_;
    std::size_t block_bytes_;
    std::unique_ptr<char[]> block_;
    std::deque<EpollStream> streams_;
    EpollStream* free_ = nullptr;
    std::size_t started_ = 0;
};

}  // namespace stepwise
