#include <stepwise/net/http/connection_pool.hpp>

#include <system_error>
#include <utility>

namespace stepwise::http {

ConnectionPool::Lease::Lease(std::shared_ptr<ConnectionPool> pool, Servers::iterator server) noexcept
    : pool_(std::move(pool)), server_(server) {
    ++server_->second.users;
}

ConnectionPool::Lease::Lease(Lease&& other) noexcept
    : connection(std::move(other.connection)),
      has_rested(other.has_rested),
      pool_(std::move(other.pool_)),
      server_(other.server_),
      permit_(std::move(other.permit_)) {}

ConnectionPool::Lease::~Lease() {
    if (pool_ == nullptr) return;
    connection.reset();
    permit_.release();
    pool_->leave(server_);
}

void ConnectionPool::Lease::give_back() {
    if (connection != nullptr && connection->may_rest()) pool_->keep(server_, std::move(connection));
    connection.reset();
    permit_.release();
}

ConnectionPool::~ConnectionPool() {
    for (Idle& idle : idle_) idle.expiry.cancel();
}

Coro<ConnectionPool::Lease> ConnectionPool::take(std::shared_ptr<ConnectionPool> pool, Key key, bool may_have_rested) {
    const std::size_t connections_max = pool->options_.connections_per_server_max;
    const Servers::iterator server = pool->servers_.try_emplace(std::move(key), connections_max).first;
    Lease lease(pool, server);
    Semaphore::Permit permit = co_await server->second.slots.acquire();
    lease.permit_ = std::move(permit);
    if (may_have_rested) lease.connection = pool->take_rested(server);
    lease.has_rested = lease.connection != nullptr;
    co_return lease;
}

std::unique_ptr<ClientConnection> ConnectionPool::take_rested(Servers::iterator server) {
    for (auto idle = idle_.end(); idle != idle_.begin();) {
        --idle;
        if (idle->server != server) continue;
        std::unique_ptr<ClientConnection> connection = remove(idle);
        connection->wake();
        return connection;
    }
    return nullptr;
}

void ConnectionPool::keep(Servers::iterator server, std::unique_ptr<ClientConnection> connection) {
    if (!keeps_connections()) return;
    if (idle_.size() >= options_.idle_connections_max) remove(idle_.begin());
    const auto idle = idle_.insert(idle_.end(), Idle{server, std::move(connection), {}});
    ++server->second.users;
    try {
        idle->connection->rest([this, idle] { remove(idle); });
        idle->expiry = loop_.call_later(options_.idle_timeout, [this, idle] { remove(idle); });
    } catch (const std::system_error&) {  // it cannot be watched: it is closed
        remove(idle);
    } catch (const std::bad_alloc&) {
        remove(idle);
    }
}

std::unique_ptr<ClientConnection> ConnectionPool::remove(std::list<Idle>::iterator idle) {
    idle->expiry.cancel();
    std::unique_ptr<ClientConnection> connection = std::move(idle->connection);
    const Servers::iterator server = idle->server;
    idle_.erase(idle);
    leave(server);
    return connection;
}

void ConnectionPool::leave(Servers::iterator server) noexcept {
    if (--server->second.users == 0) servers_.erase(server);
}

}  // namespace stepwise::http
