// ClientConnection: one connection to a server, from a request's bytes to its response's events. The client's half of
// what `connection` is to a server.
//
//     http::ClientConnection connection(std::move(stream), limits);
//     connection.send("GET", head, "");
//     http::ResponseEvent event = co_await connection.next_event();
//
// It decides nothing: which server, how long to wait, whether to follow or to ask again is for its user. Requests are
// answered in their order. It owns its stream and one receive buffer, and closes without ceremony at its end: what was
// not sent is gone. Not movable; the loop's thread. A server's mistake is an event; a lost connection is thrown.
#pragma once

#include <array>
#include <functional>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string_view>

namespace stepwise::http {

class ClientConnection {
public:
    ClientConnection(net::Stream stream, const ParserLimits& limits);
    ClientConnection(const ClientConnection&) = delete;
    ClientConnection& operator=(const ClientConnection&) = delete;
    ~ClientConnection();

    // What the next response may be.
    void set_limits(const ParserLimits& limits) { parser_.set_limits(limits); }
    // `head` is what write_request_head made for this method. Both are copied and go out at the turn's end, while the
    // response may already be read: a server that answers before it has read a body stops nobody. Throws
    // std::system_error if the connection is lost.
    void send(std::string_view method, std::string_view head, std::string_view body);

    // The next event, and never NeedMore: it reads until there is one. A response must be due. Its views are good until
    // the next call. Throws std::system_error. Cancel-safe.
    Coro<ResponseEvent> next_event();

    // For what goes out behind the head in pieces.
    net::Stream& stream() { return stream_; }

    // The server has ended its side: an error that came then is an early end.
    bool has_ended() const { return has_ended_; }
    // Since its beginning, or since wake(), nothing has come.
    bool has_received() const { return has_received_; }

    // All that was asked was answered, and nothing came behind that: it could be asked again.
    bool may_rest() const;
    // Between two exchanges: `spoken_to` is called, once, when the server ends the connection or says something that
    // nobody has asked for; it may end this object. Throws std::system_error.
    void rest(std::function<void()> spoken_to);
    void wake() noexcept;

private:
    EventLoop& loop_;
    net::Stream stream_;
    ResponseParser parser_;
    bool has_ended_ = false;
    bool has_received_ = false;
    bool rests_ = false;
    std::array<char, 16 * 1024> buffer_;
};

}  // namespace stepwise::http
