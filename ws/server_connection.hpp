// The server's end of a WebSocket connection: in its server's list while it is open, and told there when to go.
//
// Made by an Endpoint, out of an HTTP connection. Shares the endpoint, whose options and code it runs, by the options.
#pragma once

#include <memory>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/ws/connection.hpp>
#include <string_view>

namespace stepwise::ws {

class Endpoint;

class ServerConnection final : public Connection, public http::ServedConnection {
public:
    static void open(http::Upgrade& upgrade, http::Request& request, std::shared_ptr<const Endpoint> endpoint,
                     const Agreed& agreed, std::unique_ptr<Face> face);

    // What came before is still served.
    void go_away() override { start_close(CloseCode::going_away, "the server is shutting down"); }
    void abort() noexcept override;
    void sweep(int tick) override { check_peer(tick); }

private:
    ServerConnection(http::Upgrade& upgrade, http::Request& request, std::shared_ptr<const Endpoint> endpoint,
                     const Agreed& agreed);
};

}  // namespace stepwise::ws
