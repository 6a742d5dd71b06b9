// WebSocketHandler: the Tornado-like face of a connection. Derive from it, write on_message, and route it with
// `ws::handler<Chat>(options, arguments…)`: one object serves one connection.
//
//    open()               after the handshake; request() is there until it has returned
//    on_message(message)  required. Plain: takes ws::MessageView or std::string_view. Coro<void>: takes ws::Message
//    on_close()           last, always, once: close_code() and close_reason() say why
//    on_ping(payload), on_pong(payload)   plain; as they come, also while messages wait. A ping has been answered
//    check_origin(origin) before the handshake; the default lets in only pages of the same origin
//    prepare(request)     before the handshake, too: std::optional<http::Response>, a 400, say, for what is missing
//
// A hook may be plain or return Coro<void>: it is called or awaited either way, one at a time per connection and in
// order, also on_close. The loop's thread. prepare and check_origin come before there is a connection.
#pragma once

#include <stepwise/ws/connection.hpp>

#include <concepts>
#include <string>
#include <string_view>

namespace stepwise::ws {

//     struct Echo : ws::WebSocketHandler {
//         void on_message(ws::MessageView message) { write_message(message.data, !message.is_text); }
//     };
class WebSocketHandler {
public:
    WebSocketHandler() = default;
    WebSocketHandler(const WebSocketHandler&) = delete;
    WebSocketHandler& operator=(const WebSocketHandler&) = delete;

    void open() {}
    void on_close() {}

    // See Connection for all of these.
    bool write_message(std::string_view data, bool binary = false) { return connection_->write_message(data, binary); }
    // A JSON value of nlohmann::json's kind, as text.
    template <class Json>
    requires requires(const Json& value) {
        { value.dump() } -> std::convertible_to<std::string>;
    }
    bool write_message(const Json& value) { return connection_->write_message(value.dump()); }
    void close(CloseCode code = CloseCode::normal_closure, std::string_view reason = {}) {
        connection_->close(code, reason);
    }
    CloseCode close_code() const noexcept { return connection_->close_code(); }
    const std::string& close_reason() const noexcept { return connection_->close_reason(); }
    // Its cookies: http::find_cookie. None can be set: the 101 has gone before open(); an answer of prepare() can.
    const http::Request& request() const { return connection_->request(); }
    std::string_view remote_ip() const noexcept { return connection_->remote_ip(); }
    std::string_view subprotocol() const noexcept { return connection_->subprotocol(); }
    void set_nodelay(bool on) noexcept { connection_->set_nodelay(on); }
    Connection& connection() const noexcept { return *connection_; }

protected:
    ~WebSocketHandler() = default;

private:
    template <class Handler>
    friend class HandlerFace;
    Connection* connection_ = nullptr;
};

}  // namespace stepwise::ws
