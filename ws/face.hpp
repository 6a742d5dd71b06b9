// What serves a WebSocket connection: the connection calls, the face answers. The two faces are in route.hpp.
//
// Owned by its connection. Every call comes on the loop, in order: opened, messages, closed. The face ends with the
// connection, once that is closed and the face has said done().
#pragma once

#include <stepwise/net/http/message.hpp>
#include <stepwise/ws/close_code.hpp>
#include <stepwise/ws/handshake.hpp>
#include <stepwise/ws/message.hpp>

#include <exception>
#include <optional>

namespace stepwise::ws {

class Connection;

class Face {
public:
    Face() = default;
    Face(const Face&) = delete;
    Face& operator=(const Face&) = delete;
    virtual ~Face() = default;

    // Before the connection exists. Only asked when the request has an Origin.
    virtual bool check_origin(const UpgradeRequest& request) { return same_origin(request); }
    // Also before it, once the handshake is right: a response instead of the connection.
    virtual std::optional<http::Response> prepare(const http::Request&) { return std::nullopt; }
    virtual void opened(Connection& connection) = 0;
    // True: the message was dealt with in place. False: the connection keeps a copy, and has_waiting() follows.
    virtual bool message(Connection& connection, MessageView view) = 0;
    virtual void has_waiting(Connection& connection) = 0;
    // As they come, also while messages wait. A ping has been answered, where it is.
    virtual void pinged(Connection&, std::string_view) {}
    virtual void ponged(Connection&, std::string_view) {}
    // The connection is closed, for the reason that it tells; messages may still wait.
    virtual void closed(Connection& connection) = 0;

protected:
    // The face will do no more with the connection, which may end within this call, and the face with it.
    static void done(Connection& connection) noexcept;
    static void release_request(Connection& connection) noexcept;
    // The next message that waits. False: none does.
    static bool take(Connection& connection, Message& message);
    static bool is_closed(const Connection& connection) noexcept;
    // What waits will not be answered.
    static void drop_waiting(Connection& connection) noexcept;
    // Aborts it where there is no memory for a Close.
    static void close_or_abort(Connection& connection, CloseCode code, std::string_view reason = {}) noexcept;
    // A hook or a coroutine ended with an error: it is reported, what waits is dropped, the connection closed with
    // 1011.
    static void failed(Connection& connection, std::exception_ptr error, const char* where) noexcept;
};

}  // namespace stepwise::ws
