// What the tests of the client's end share.
#pragma once

#include <stepwise/net/socket.hpp>
#include <stepwise/tests/ws/support.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/handshake.hpp>

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

// Takes one connection, and answers what it is told.
struct Fake : World {
    Fake() : listening(net::listen_on(net::Address::tcp("127.0.0.1", 0))) {
        url = "ws://" + net::Address::of_local_end(listening.get()).to_string() + "/";
    }
    Peer accept() {
        UniqueFd socket;
        run_until([&] {
            socket.reset(calls::accept4(listening.get(), SOCK_CLOEXEC | SOCK_NONBLOCK));
            return static_cast<bool>(socket);
        });
        return Peer(*this, std::move(socket));
    }
    // A connection that is open, seen from its server.
    Peer open(ClientConnection& connection, const ws::ConnectOptions& options = {}, std::string_view early = {}) {
        Task<ClientConnection> opening = loop().create_task(ws::connect(url, options));
        Peer peer = accept();
        std::string request = peer.read_until("\r\n\r\n");
        peer.send(answer_to(request) + std::string(early));
        run_until([&] { return opening.done(); });
        connection = loop().run_until_complete(opening);
        return peer;
    }
    static std::string answer_to(const std::string& request) {
        const std::string field = "Sec-WebSocket-Key: ";
        const std::string key = request.substr(request.find(field) + field.size(), 24);
        return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: " +
               ws::accept_key(key) + "\r\n\r\n";
    }

    UniqueFd listening;
    std::string url;
};

inline std::string server_frame(Opcode opcode, std::string_view payload) {
    std::string bytes;
    net::StringSink sink(bytes);
    ws::append_frame(sink, opcode, payload, true, std::nullopt);
    return bytes;
}

}  // namespace ws_test
