// A listening socket that hands out connections: for servers, in a callback; for a coroutine, `co_await accept_from`.
//
//     net::Listener listener(loop, net::listen_on(address), [&](UniqueFd socket) { serve(std::move(socket)); });
//
// When the process is out of descriptors or memory it stops accepting for a moment instead of spinning, says so once,
// and the connections wait in the kernel's backlog. The loop's thread.
#pragma once

#include <stepwise/net/socket.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <functional>

namespace stepwise::net {

class Listener final : private Acceptor, private Timer {
public:
    using OnConnection = std::function<void(UniqueFd socket)>;

    static constexpr Duration retry_interval = std::chrono::milliseconds(100);

    // `socket` listens. Connections are accepted from the next turn on.
    Listener(EventLoop& loop, UniqueFd socket, OnConnection on_connection);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { close(); }

    // No connection comes after this; those that the kernel has in its backlog are reset.
    void close() noexcept;

    Address address() const { return Address::of_local_end(socket_.get()); }

private:
    void accepted(int socket) override;
    void accept_failed(int error) override;
    static void try_again(Timer& timer) noexcept;

    EventLoop& loop_;
    UniqueFd socket_;
    OnConnection on_connection_;
    bool accepting_ = false;
    bool shortage_reported_ = false;
};

}  // namespace stepwise::net
