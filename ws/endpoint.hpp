// The HTTP side of a WebSocket route: checks the handshake and the origin, answers 101, and starts a Connection.
//
// Shared by the router and by every connection that it started, whose options and code it holds. Immutable once routed.
#pragma once

#include <memory>
#include <stepwise/net/http/router.hpp>
#include <stepwise/ws/connection.hpp>
#include <stepwise/ws/handshake.hpp>

namespace stepwise::ws {

class Endpoint : public http::UpgradeHandler, public std::enable_shared_from_this<Endpoint> {
public:
    // std::invalid_argument for compression that could not be.
    explicit Endpoint(ConnectionOptions options);

    std::optional<http::Response> accept(http::Request& request, http::Upgrade& upgrade) override;
    const ConnectionOptions& options() const noexcept { return options_; }

protected:
    virtual std::unique_ptr<Face> make_face() const = 0;

private:
    ConnectionOptions options_;
    std::vector<std::string_view> subprotocols_;  // the options'
};

}  // namespace stepwise::ws
