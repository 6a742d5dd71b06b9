#include <stepwise/ws/endpoint.hpp>
#include <stepwise/ws/server_connection.hpp>

namespace stepwise::ws {

static_assert(sizeof(ServerConnection) <= 144, "a server has many that do nothing");

ServerConnection::ServerConnection(http::Upgrade& upgrade, http::Request& request,
                                   std::shared_ptr<const Endpoint> endpoint, const Agreed& agreed)
    : Connection(upgrade.server().loop(), upgrade.take_transport(), Role::server,
                 std::shared_ptr<const ConnectionOptions>(endpoint, &endpoint->options()), agreed, request.remote_ip(),
                 upgrade.server().tick()),
      ServedConnection(upgrade.server()) {
    keep_request(request);
}

void ServerConnection::open(http::Upgrade& upgrade, http::Request& request, std::shared_ptr<const Endpoint> endpoint,
                            const Agreed& agreed, std::unique_ptr<Face> face) {
    std::string early(upgrade.unconsumed());
    auto* connection = new ServerConnection(upgrade, request, std::move(endpoint), agreed);
    connection->start(std::move(face), early);
}

void ServerConnection::abort() noexcept {
    leave_server();
    end_now();
}

}  // namespace stepwise::ws
