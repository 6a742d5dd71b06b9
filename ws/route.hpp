// The two ways to serve WebSocket connections on an http::Router:
//
//     router.get("/chat", ws::handler<Chat>(options, std::ref(room)));   // an object per connection (handler.hpp)
//     router.get("/echo", ws::coroutine(echo));   // a coroutine per connection: Coro<void> echo(ws::Connection&)
//
// A coroutine's connection is closed with 1000 when it returns, with 1011 when it throws, and lives until then.
#pragma once

#include <functional>
#include <memory>
#include <stepwise/ws/endpoint.hpp>
#include <stepwise/ws/handler_face.hpp>
#include <tuple>

namespace stepwise::ws {

using CoroutineFunction = std::function<Coro<void>(Connection&)>;

// `function` is copied into the route and outlives every connection.
std::shared_ptr<http::UpgradeHandler> coroutine(CoroutineFunction function, ConnectionOptions options = {});

namespace detail {

template <class Handler, class... Args>
class HandlerEndpoint final : public Endpoint {
public:
    HandlerEndpoint(ConnectionOptions options, Args... args)
        : Endpoint(std::move(options)), args_(std::move(args)...) {}

private:
    std::unique_ptr<Face> make_face() const override {
        return std::apply([](const auto&... args) { return std::make_unique<HandlerFace<Handler>>(args...); }, args_);
    }

    std::tuple<Args...> args_;
};

}  // namespace detail

// Each connection's Handler is constructed with `args`, which are copied into the route: std::ref what is shared.
template <class Handler, class... Args>
std::shared_ptr<http::UpgradeHandler> handler(ConnectionOptions options, Args... args) {
    return std::make_shared<detail::HandlerEndpoint<Handler, Args...>>(std::move(options), std::move(args)...);
}
template <class Handler>
std::shared_ptr<http::UpgradeHandler> handler() {
    return handler<Handler>(ConnectionOptions());
}

}  // namespace stepwise::ws
