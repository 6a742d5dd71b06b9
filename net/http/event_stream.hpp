// EventStream: server-sent events, which a browser's EventSource reads (WHATWG HTML §9.2).
//
//     http::EventStream events(request, out);   // Coro<> ticks(const http::Request&, http::ResponseWriter& out)
//     http::ServerEvent event("tick");
//     co_await events.send(event);
//
// While nothing is sent a comment goes out every heartbeat, so that a client that is gone is found; then the handler is
// cancelled. A server that shuts down ends the stream, and the client comes back to the next one.
#pragma once

#include <optional>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

struct ServerEvent {
    std::string data;                                // lines of it become lines; may be empty
    std::string event;                               // its type; empty: "message"
    std::string id;                                  // what the client says when it comes back; empty: none
    std::optional<std::chrono::milliseconds> retry;  // how long the client waits before it comes back

    ServerEvent() = default;
    ServerEvent(std::string data_of_it) : data(std::move(data_of_it)) {}
};

// The event as it is sent. Throws std::invalid_argument for CR, LF or NUL in `event` or `id`.
std::string text_of(const ServerEvent& event);

class EventStream {
public:
    static constexpr Duration heartbeat_default = std::chrono::seconds(15);

    // Both outlive it: a local of the handler. Nothing is sent yet. `heartbeat` zero: none.
    EventStream(const Request& request, ResponseWriter& out, Duration heartbeat = heartbeat_default);
    EventStream(const EventStream&) = delete;
    EventStream& operator=(const EventStream&) = delete;
    ~EventStream() { next_heartbeat_.cancel(); }

    // The id of the last event that the client has seen, when it comes back.
    std::optional<std::string_view> last_event_id() const { return last_event_id_; }
    // Sends the head now, so that the client knows that it is heard.
    Coro<void> open();
    // As ResponseWriter::write says; throws as text_of does.
    Coro<void> send(ServerEvent event);

private:
    void beat_later();

    ResponseWriter& out_;
    Duration heartbeat_;
    std::optional<std::string_view> last_event_id_;
    Handle next_heartbeat_;
};

}  // namespace stepwise::http
