// ConnectionPool: the connections of a client, so many to each server at once; those that rest are kept for the next
// exchange with the same server.
//
//     Coro<http::ConnectionPool::Lease> taking = http::ConnectionPool::take(pool, key);
//     http::ConnectionPool::Lease lease = co_await std::move(taking);
//     if (lease.connection == nullptr) lease.connection = co_await connect();   // none rests
//     lease.give_back();
//
// Whoever wants one more than are allowed waits, first come, first served. A connection that the server ends while it
// rests, or that rests too long, is closed. What knows it: leases, and those who hold the shared pointer. The loop's
// thread; it does not outlive its loop.
#pragma once

#include <compare>
#include <list>
#include <map>
#include <memory>
#include <stepwise/net/http/client_connection.hpp>
#include <stepwise/net/tls/context.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sync/semaphore.hpp>
#include <string>

namespace stepwise::http {

class ConnectionPool {
public:
    struct Options {
        std::size_t connections_per_server_max = 16;
        std::size_t idle_connections_max = 64;  // of all servers; the one that rests longest goes first
        Duration idle_timeout = std::chrono::seconds(15);
    };
    // Connections are shared by those who want the same: a server, and who is trusted to vouch for it.
    struct Key {
        std::string server;
        std::shared_ptr<const tls::Context> trusted;
        auto operator<=>(const Key&) const = default;
    };

private:
    struct Server {
        explicit Server(std::size_t connections_max) : slots(connections_max) {}
        Semaphore slots;
        std::size_t users = 0;  // leases, those that wait for one, and connections that rest
    };
    using Servers = std::map<Key, Server>;

public:
    // The right to one connection, and the connection. Its end closes it, unless it was given back.
    class Lease {
    public:
        Lease(Lease&& other) noexcept;
        Lease& operator=(Lease&&) = delete;
        ~Lease();

        // For the next exchange, if it can have one.
        void give_back();

        std::unique_ptr<ClientConnection> connection;
        bool has_rested = false;  // the server may have let go of it by now

    private:
        friend class ConnectionPool;
        Lease(std::shared_ptr<ConnectionPool> pool, Servers::iterator server) noexcept;

        std::shared_ptr<ConnectionPool> pool_;
        Servers::iterator server_;
        Semaphore::Permit permit_;
    };

    ConnectionPool(EventLoop& loop, const Options& options) : loop_(loop), options_(options) {}
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;
    ~ConnectionPool();

    // `may_rest`: a connection that rested will do. Cancel-safe.
    static Coro<Lease> take(std::shared_ptr<ConnectionPool> pool, Key key, bool may_have_rested = true);

    bool keeps_connections() const noexcept { return options_.idle_connections_max != 0; }
    std::size_t idle_count() const noexcept { return idle_.size(); }

private:
    struct Idle {
        Servers::iterator server;
        std::unique_ptr<ClientConnection> connection;
        Handle expiry;
    };

    std::unique_ptr<ClientConnection> take_rested(Servers::iterator server);
    void keep(Servers::iterator server, std::unique_ptr<ClientConnection> connection);
    std::unique_ptr<ClientConnection> remove(std::list<Idle>::iterator idle);
    void leave(Servers::iterator server) noexcept;

    EventLoop& loop_;
    Options options_;
    Servers servers_;
    std::list<Idle> idle_;  // the one that rests longest first
};

}  // namespace stepwise::http
