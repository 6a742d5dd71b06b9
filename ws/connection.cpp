#include <fmt/format.h>
#include <stepwise/ws/connection.hpp>
#include <stepwise/ws/connection_work.hpp>
#include <stepwise/ws/topics.hpp>

#include <algorithm>
#include <array>
#include <new>

namespace stepwise::ws {

ConnectionClosed::ConnectionClosed(CloseCode close_code, std::string close_reason)
    : std::runtime_error(fmt::format("the WebSocket connection is closed: {} {}{}{}", static_cast<unsigned>(close_code),
                                     name(close_code), close_reason.empty() ? "" : ": ", close_reason)),
      code(close_code),
      reason(std::move(close_reason)) {}

void Face::done(Connection& connection) noexcept {
    connection.face_done();
}
void Face::release_request(Connection& connection) noexcept {
    connection.release_request();
}
bool Face::is_closed(const Connection& connection) noexcept {
    return connection.state_ == Connection::State::closed;
}
void Face::failed(Connection& connection, std::exception_ptr error, const char* where) noexcept {
    std::array<char, 64> text;  // without memory, whose want may be the error
    const auto written = fmt::format_to_n(text.data(), text.size(), "a WebSocket handler's {}", where);
    connection.loop().call_exception_handler(std::move(error),
                                             {text.data(), std::min<std::size_t>(written.size, text.size())});
    close_or_abort(connection, CloseCode::internal_error, "the handler failed");
    connection.drop_waiting();  // also if it was closing already
}
void Face::close_or_abort(Connection& connection, CloseCode code, std::string_view reason) noexcept {
    try {
        connection.close(code, reason);
    } catch (const std::bad_alloc&) {
        connection.abort();
    }
}
void Face::drop_waiting(Connection& connection) noexcept {
    connection.drop_waiting();
}
bool Face::take(Connection& connection, Message& message) {
    std::optional<Message> next = connection.pop();
    if (!next) return false;
    message = std::move(*next);
    return true;
}

namespace {

// Counted from 1; 0: none.
std::uint16_t place_of(std::string_view subprotocol, const std::vector<std::string>& subprotocols) {
    if (subprotocol.empty()) return 0;
    const auto found = std::find(subprotocols.begin(), subprotocols.end(), subprotocol);
    assert(found != subprotocols.end() && found - subprotocols.begin() < UINT16_MAX);
    return static_cast<std::uint16_t>(found - subprotocols.begin() + 1);
}

}  // namespace

Connection::Connection(EventLoop& loop, net::Transport::Owner transport, Role role,
                       std::shared_ptr<const ConnectionOptions> options, const Agreed& agreed,
                       std::string_view remote_ip, int tick)
    : loop_(loop),
      options_(std::move(options)),
      transport_(std::move(transport)),
      remote_ip_(remote_ip),
      last_activity_tick_(tick),
      compression_(agreed.compression),
      subprotocol_(place_of(agreed.subprotocol, options_->subprotocols)),
      is_client_(role == Role::client) {
    transport_->set_handler(this);
    transport_->set_options(options_->transport);
}

Connection::~Connection() {
    end_subscriptions();
    face_.reset();
    drop_waiting();
}

Connection::Work::Work(Connection& of)
    : Timer(&Work::close_timed_out),
      ReadyNode(&Work::run_end),
      connection(of),
      protocol(of.is_client_ ? Role::client : Role::server, of.options_->protocol,
               of.is_client_ ? MaskKeySource(of.loop_.entropy()) : MaskKeySource(), of.compression_) {}

void Connection::start_work() {
    work_.reset(new Work(*this));
}

bool Connection::has_work() noexcept {
    try {
        static_cast<void>(work());
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void Connection::EndWork::operator()(Work* work) const noexcept {
    delete work;
}

void Connection::rest() noexcept {
    if (in_events_ || end_queued_ || work_ == nullptr || state_ != State::open) return;
    if (!close_waits_ && work_->holds_nothing()) work_.reset();
}

std::string_view Connection::subprotocol() const noexcept {
    return subprotocol_ == 0 ? std::string_view() : options_->subprotocols[subprotocol_ - 1U];
}

void Connection::keep_request(http::Request& request) {
    work().request = std::make_unique<http::Request>();
    work().request->swap(request);
    work().request->own();
}

void Connection::release_request() noexcept {
    if (work_ == nullptr || work_->request == nullptr) return;
    work_->request.reset();
    rest();
}

void Connection::start(std::unique_ptr<Face> face, std::span<char> unconsumed) {
    face_ = std::move(face);
    {
        Call call(*this);
        face_->opened(*this);
    }
    if (transport_ && !unconsumed.empty()) {
        received(unconsumed);
    } else if (!end_if_over()) {
        rest();
    }
}

const http::Request& Connection::request() const {
    if (work_ == nullptr || work_->request == nullptr) {
        throw std::logic_error("ws::Connection::request: only until open() has returned");
    }
    return *work_->request;
}

void Connection::set_nodelay(bool on) noexcept {
    if (transport_) net::set_nodelay(transport_->fd(), on);
}

// ---- receiving

void Connection::received(std::span<char> bytes) {
    active_ = true;
    try {
        read(bytes);
    } catch (const std::bad_alloc&) {  // some bytes are lost, so that those behind them mean nothing
        if (!has_work()) return end_without_work();
        if (transport_) transport_->abort();
        end(CloseCode::abnormal_closure, "there is no memory for what arrived");
    }
    if (!end_if_over()) rest();
}

void Connection::read(std::span<char> bytes) {
    Work& work = this->work();
    if (work.unread != nullptr) [[unlikely]] {  // they were on their way when reading stopped
        const std::span<char> before = work.protocol.take_unread();
        auto all = std::make_unique<std::vector<char>>(before.begin(), before.end());
        all->insert(all->end(), bytes.begin(), bytes.end());
        work.unread = std::move(all);
        return work.protocol.receive_data(*work.unread);
    }
    work.protocol.receive_data(bytes);
    Call call(*this);
    handle_events(work);
}

// Called where no message waits any more, or none is wanted. The object stays.
void Connection::go_on() {
    if (!has_unread() || in_events_ || state_ == State::closed) return;
    Call call(*this);
    handle_events(*work_);
    if (!work_->protocol.has_unread()) {
        work_->unread.reset();
        if (state_ == State::lost) {
            end(close_code(), close_reason());
        } else if (work_->input_has_ended) {
            connection_lost(0);
        }
    }
    update_reading();
}

void Connection::handle_events(Work& work) {
    for (;;) {
        Protocol::Event event = work.protocol.next_event();
        if (const auto* message = std::get_if<Protocol::Message>(&event)) {
            handle(*message);
            // One read may unpack to a thousand times its size.
            if (is_behind() && gives_messages()) {
                keep_unread();
                break;
            }
        } else if (std::holds_alternative<NeedMore>(event)) {
            break;
        } else if (const auto* ping = std::get_if<Protocol::Ping>(&event)) {
            answer(*ping);
            if (gives_messages()) face_->pinged(*this, ping->payload);
        } else if (const auto* pong = std::get_if<Protocol::Pong>(&event)) {
            handle(*pong);
        } else if (const auto* close_event = std::get_if<Protocol::Close>(&event)) {
            return handle(*close_event);
        } else if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            if (transport_) work.protocol.fail(*transport_, *error);
            return end(static_cast<CloseCode>(error->code), error->message);
        }
        if (state_ == State::closed) return;
    }
    update_reading();
}

void Connection::handle(const Protocol::Message& message) {
    if (traced() != nullptr)
        trace::ws_frame(*traced(), trace::Way::in, static_cast<std::uint8_t>(message.opcode), message.payload);
    if (!gives_messages()) return;
    MessageView view{message.payload, message.opcode == Opcode::text};
    if (!has_waiting() && face_->message(*this, view)) return;
    push(view);
    if (receiver_ != nullptr) {
        std::exchange(receiver_, nullptr)->wake();
    } else {
        face_->has_waiting(*this);
    }
}

void Connection::handle(const Protocol::Pong& pong) {
    if (ping_sent_ != TimePoint{} && pong.payload == ping_payload()) {
        const Duration took = loop_.time() - std::exchange(ping_sent_, TimePoint{});
        const auto microseconds = std::chrono::ceil<std::chrono::microseconds>(took).count();
        round_trip_microseconds_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(microseconds, 1, UINT32_MAX));
    }
    if (gives_messages()) face_->ponged(*this, pong.payload);
}

void Connection::handle(const Protocol::Close& close) {
    if (traced() != nullptr) trace::ws_close(*traced(), trace::Way::in, static_cast<int>(close.code));
    work().close_code = close.code;
    work().close_reason = close.reason;
    if (state_ == State::open && has_waiting()) {
        close_waits_ = true;
        arm_close_timer();
    } else {
        answer_close();
    }
}

// Backpressure both ways: the face that is behind, and the peer that does not take what we send, stop our reading.
void Connection::update_reading() {
    if (!transport_) return;
    bool behind = has_unread() || is_behind();
    // A server lets a peer wait that asks for more than it reads. Did a client do so, too, two that both have much to
    // say would wait for each other; its own outbox is kept in bounds by send(), and here but by what answers pings.
    // Nor does who may drop messages: its transport can be full for ever.
    bool full = is_client_ ? transport_->queued_bytes() >= options_->queued_bytes_max : transport_->is_full();
    bool waits = full && options_->when_full == WhenFull::close;
    bool pause = state_ == State::open && (behind || waits);
    if (pause == reading_paused_) return;
    reading_paused_ = pause;
    if (pause) {
        transport_->pause_receiving();
    } else {
        active_ = true;  // what the peer has said meanwhile is heard only now
        transport_->resume_receiving();
    }
}

void Connection::tell_face() noexcept {
    if (face_told_) return;
    face_told_ = true;
    if (planted("end_untold") && close_code() == CloseCode::abnormal_closure) return;
    end_subscriptions();
    Call call(*this);
    face_->closed(*this);
}

void Connection::end_subscriptions() noexcept {
    if (!has_topics_) return;
    has_topics_ = false;
    Topics::end_subscriptions(*this);
}

}  // namespace stepwise::ws
