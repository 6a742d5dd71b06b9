// WebSocketHandler: the Tornado-like face of a connection. Derive from it, write on_message, and route it with
// `ws::handler<Chat>(options, arguments…)`: one object serves one connection.
//
//    open()               after the handshake; request() is there until it has returned
//    on_message(message)  required. Plain: takes ws::MessageView or std::string_view. Coro<void>: takes ws::Message
//    on_close()           last, always, once: close_code() and close_reason() say why
//    check_origin(origin) before the handshake; the default lets in only pages of the same origin
//
// A hook may be plain or return Coro<void>: it is called or awaited either way, one at a time per connection and in
// order, also on_close. The loop's thread.
#pragma once

#include <stepwise/ws/connection.hpp>

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
    void close(CloseCode code = CloseCode::normal_closure, std::string_view reason = {}) {
        connection_->close(code, reason);
    }
    CloseCode close_code() const noexcept { return connection_->close_code(); }
    const std::string& close_reason() const noexcept { return connection_->close_reason(); }
    const http::Request& request() const { return connection_->request(); }
    const std::string& remote_ip() const noexcept { return connection_->remote_ip(); }
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
