// What the tests of the client's end share.
#pragma once

#include <stepwise/tests/ws/support.hpp>
#include <stepwise/ws/client.hpp>

namespace ws_test {

using ws::ClientConnection;
using ws::Connection;

// The next message, or how the connection was closed.
inline Coro<std::string> next(Connection& connection) {
    auto message = co_await connection.receive();
    if (message) co_return std::string(message->data());
    co_return "closed " + code_text(connection.close_code()) + " " + connection.close_reason();
}

inline Coro<void> closed(Connection& connection) {
    co_await connection.wait_closed();
}

// Sends until something stops it.
inline Coro<std::string> send_on(Connection& connection) {
    try {
        for (;;) co_await connection.send("more");
    } catch (const ws::ConnectionClosed& error) {
        co_return "stopped by " + code_text(error.code);
    }
}

inline Coro<std::string> failure_of(std::string url, ws::ConnectOptions options) {
    try {
        ClientConnection connection = co_await ws::connect(url, options);
        co_return "opened";
    } catch (const std::exception& error) {
        co_return error.what();
    }
}

}  // namespace ws_test
