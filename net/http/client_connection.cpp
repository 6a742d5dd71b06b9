#include <stepwise/net/http/client_connection.hpp>

#include <cassert>
#include <utility>

namespace stepwise::http {

ClientConnection::ClientConnection(net::Stream stream, const ParserLimits& limits)
    : loop_(EventLoop::current()), stream_(std::move(stream)), parser_(limits) {
    stream_.set_nodelay(true);
}

ClientConnection::~ClientConnection() {
    wake();
    stream_.abort();
}

bool ClientConnection::may_rest() const {
    // Of what TLS has read ahead no reader tells.
    const bool is_over = has_ended_ || (stream_.tls() != nullptr && stream_.tls()->has_ended());
    const bool is_spoken_to = !parser_.unconsumed().empty() || stream_.unread_bytes() != 0;
    return parser_.is_between_messages() && parser_.expected_responses() == 0 && !is_spoken_to && !is_over &&
           stream_.queued_bytes() == 0;
}

void ClientConnection::rest(std::function<void()> spoken_to) {
    parser_.release_memory();
    loop_.add_reader(stream_.fd(), [this, spoken_to = std::move(spoken_to)] {
        const std::function<void()> told = spoken_to;  // wake() ends this lambda
        wake();
        told();
    });
    rests_ = true;
}

void ClientConnection::wake() noexcept {
    has_received_ = false;
    if (std::exchange(rests_, false)) loop_.remove_reader(stream_.fd());
}

void ClientConnection::send(std::string_view method, std::string_view head, std::string_view body) {
    stream_.write(head);
    stream_.write(body);
    parser_.expect_response(method);
}

Coro<ResponseEvent> ClientConnection::next_event() {
    assert(!parser_.is_between_messages() || parser_.expected_responses() > 0);
    for (;;) {
        ResponseEvent event = parser_.next_event();
        if (!std::holds_alternative<NeedMore>(event)) co_return event;
        const std::size_t count = co_await stream_.read_some(buffer_);
        if (count > 0) {
            has_received_ = true;
            parser_.receive_data({buffer_.data(), count});
            continue;
        }
        has_ended_ = true;
        std::optional<net::ProtocolError> error = parser_.receive_eof();
        if (error) co_return std::move(*error);
    }
}

}  // namespace stepwise::http
