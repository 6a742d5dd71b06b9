#include <fmt/format.h>
#include <stepwise/net/http/event_stream.hpp>

#include <algorithm>
#include <stdexcept>

namespace stepwise::http {

namespace {

constexpr std::string_view heartbeat_comment = ":\n\n";

void append_line(std::string& text, std::string_view name, std::string_view value) {
    text += name;
    text += ": ";
    text += value;
    text += '\n';
}

void check_line(std::string_view name, std::string_view value) {
    if (value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos) return;
    throw std::invalid_argument(fmt::format("the {} of an event contains CR, LF or NUL", name));
}

// Takes a line off the front, without its end: CRLF, LF or CR, as a client reads them.
std::string_view take_line(std::string_view& rest, bool& last) {
    const std::size_t end = rest.find_first_of("\r\n");
    last = end == std::string_view::npos;
    const std::string_view line = rest.substr(0, end);
    if (last) return line;
    const bool is_pair = rest.substr(end, 2) == "\r\n";
    rest.remove_prefix(end + (is_pair ? 2 : 1));
    return line;
}

}  // namespace

std::string text_of(const ServerEvent& event) {
    check_line("type", event.event);
    check_line("id", event.id);
    std::string text;
    if (!event.event.empty()) append_line(text, "event", event.event);
    if (!event.id.empty()) append_line(text, "id", event.id);
    if (event.retry) append_line(text, "retry", std::to_string(event.retry->count()));
    std::string_view rest = event.data;
    for (bool last = false; !last;) {
        const std::string_view line = take_line(rest, last);
        append_line(text, "data", line);
    }
    text += '\n';
    return text;
}

EventStream::EventStream(const Request& request, ResponseWriter& out, Duration heartbeat)
    : out_(out), heartbeat_(heartbeat), last_event_id_(request.headers().find("last-event-id")) {
    out_.head().content_type = "text/event-stream";
    out_.head().headers.set("Cache-Control", "no-cache");
    out_.end_with_server();
    beat_later();
}

Coro<void> EventStream::open() {
    co_await out_.write(std::string_view());
}

Coro<void> EventStream::send(ServerEvent event) {
    const std::string text = text_of(event);
    next_heartbeat_.cancel();
    beat_later();
    co_await out_.write(text);
}

void EventStream::beat_later() {
    if (heartbeat_ <= Duration::zero()) return;
    next_heartbeat_ = EventLoop::current().call_later(heartbeat_, [this] {
        out_.try_write(heartbeat_comment);
        beat_later();
    });
}

}  // namespace stepwise::http
