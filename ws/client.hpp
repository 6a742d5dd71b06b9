// A WebSocket client: connects, then does what a server's coroutine does, too.
//
//     ws::ClientConnection connection = co_await ws::connect(url);   // "ws://host:port/path", or wss://
//     co_await connection->send("hello");
//     auto message = co_await connection->receive();
//     if (message) use(message->data());
//
// Who holds the ClientConnection owns the connection's face, not its end: letting go of one that is open starts the
// close handshake (1000), which goes on by itself; await wait_closed() to see it through. The loop's thread; the
// ClientConnection may outlive its loop, but only to end.
#pragma once

#include <stepwise/net/http/headers.hpp>
#include <stepwise/net/http/proxies.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/ws/connection.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stepwise::ws {

struct ConnectOptions {
    ConnectionOptions connection;
    // The request's fields besides Host and those of the handshake: Origin, Cookie, Authorization …
    http::Headers headers;
    // Those that this client speaks, the one that it likes best first; see Connection::subprotocol().
    std::vector<std::string> subprotocols;
    // For wss: whom to trust. nullptr: whom the machine trusts, tls::Context::default_client().
    std::shared_ptr<const tls::Context> tls;
    // How often a 301, 302, 303, 307 or 308 is followed; not from wss to ws. 0: never. Authorization and Cookie go to
    // the server of the first URL only.
    int redirects_max = 5;
    // Through whom (CONNECT, for ws too); http::Proxies::from_environment() for those that the environment names.
    http::Proxies proxies;
    // For everything from the name's lookup to the end of the handshake.
    Duration open_timeout = std::chrono::seconds(10);
};

// The server did not open the connection. The text names the URL and the reason.
class HandshakeError : public std::runtime_error {
public:
    HandshakeError(int response_status, const std::string& text) : std::runtime_error(text), status(response_status) {}

    int status;  // of its response; 0: there was none that could be read
};

struct LetGoOfClient {
    void operator()(Connection* connection) const noexcept;
};
using ClientConnection = std::unique_ptr<Connection, LetGoOfClient>;

// Opens a connection (RFC 6455 §4.1). Throws std::invalid_argument for what is no ws or wss URL, at the call; when
// awaited std::system_error for a host that cannot be found or reached, HandshakeError, or TimeoutError. Cancel-safe:
// the socket is closed.
Coro<ClientConnection> connect(std::string_view url);
Coro<ClientConnection> connect(std::string_view url, const ConnectOptions& options);

}  // namespace stepwise::ws
