#include <fmt/format.h>
#include <stepwise/ws/connection.hpp>
#include <stepwise/ws/endpoint.hpp>

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
    connection.loop().call_exception_handler(std::move(error), fmt::format("a WebSocket handler's {}", where));
    connection.close(CloseCode::internal_error, "the handler failed");
    connection.drop_waiting();  // also if it was closing already
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

Connection::Connection(EventLoop& loop, net::Transport::Owner transport, Role role, const ConnectionOptions& options,
                       MaskKeySource mask_key_source, const Agreed& agreed, std::string remote_ip, int tick)
    : Timer(&Connection::close_timed_out),
      ReadyNode(&Connection::run_end),
      loop_(loop),
      options_(options),
      transport_(std::move(transport)),
      protocol_(role, options.protocol, mask_key_source, agreed.compression),
      remote_ip_(std::move(remote_ip)),
      subprotocol_(agreed.subprotocol),
      last_activity_tick_(tick) {
    transport_->set_handler(this);
    transport_->set_options(options_.transport);
}

Connection::~Connection() {
    loop_.remove_timer(*this);
    face_.reset();
    drop_waiting();
}

void Connection::keep_request(http::Request& request) {
    request_ = std::make_unique<http::Request>();
    request_->swap(request);
    request_->own();
}

// While the face is called the object stays, whatever the face does.
class Connection::Call {
public:
    explicit Call(Connection& connection) noexcept : connection_(connection), outer_(connection.in_events_) {
        connection_.in_events_ = true;
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { connection_.in_events_ = outer_; }

private:
    Connection& connection_;
    bool outer_;
};

void Connection::start(std::unique_ptr<Face> face, std::span<char> unconsumed) {
    face_ = std::move(face);
    {
        Call call(*this);
        face_->opened(*this);
    }
    if (transport_ && !unconsumed.empty()) {
        received(unconsumed);
    } else {
        end_if_over();
    }
}

const http::Request& Connection::request() const {
    if (request_ == nullptr) throw std::logic_error("ws::Connection::request: only until open() has returned");
    return *request_;
}

void Connection::set_nodelay(bool on) noexcept {
    if (transport_) net::set_nodelay(transport_->fd(), on);
}

// ---- receiving

void Connection::received(std::span<char> bytes) {
    active_ = true;
    if (unread_ != nullptr) [[unlikely]] {  // they were on their way when reading stopped
        const std::span<char> before = protocol_.take_unread();
        auto all = std::make_unique<std::vector<char>>(before.begin(), before.end());
        all->insert(all->end(), bytes.begin(), bytes.end());
        unread_ = std::move(all);
        return protocol_.receive_data(*unread_);
    }
    protocol_.receive_data(bytes);
    {
        Call call(*this);
        handle_events();
    }
    end_if_over();
}

// Called where no message waits any more, or none is wanted. The object stays.
void Connection::go_on() {
    if (unread_ == nullptr || in_events_ || !transport_) return;
    Call call(*this);
    handle_events();
    if (!protocol_.has_unread()) unread_.reset();
    update_reading();
}

bool Connection::is_behind() const noexcept {
    return waiting_count_ > options_.waiting_messages_max || waiting_bytes_ > options_.waiting_bytes_max;
}

void Connection::handle_events() {
    for (;;) {
        Protocol::Event event = protocol_.next_event();
        if (const auto* message = std::get_if<Protocol::Message>(&event)) {
            handle(*message);
            // One read may unpack to a thousand times its size.
            if (is_behind() && state_ == State::open) {
                keep_unread();
                break;
            }
        } else if (std::holds_alternative<NeedMore>(event)) {
            break;
        } else if (const auto* ping = std::get_if<Protocol::Ping>(&event)) {
            answer(*ping);
            if (state_ == State::open) face_->pinged(*this, ping->payload);
        } else if (const auto* pong = std::get_if<Protocol::Pong>(&event)) {
            handle(*pong);
        } else if (const auto* close_event = std::get_if<Protocol::Close>(&event)) {
            return handle(*close_event);
        } else if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            if (transport_) protocol_.fail(*transport_, *error);
            return end(static_cast<CloseCode>(error->code), error->message);
        }
        if (!transport_) return;
    }
    update_reading();
}

void Connection::handle(const Protocol::Message& message) {
    if (traced() != nullptr)
        trace::ws_frame(*traced(), trace::Way::in, static_cast<std::uint8_t>(message.opcode), message.payload);
    if (state_ != State::open) return;
    MessageView view{message.payload, message.opcode == Opcode::text};
    if (first_waiting_ == nullptr && face_->message(*this, view)) return;
    push(view);
    if (receiver_ != nullptr) {
        std::exchange(receiver_, nullptr)->wake();
    } else {
        face_->has_waiting(*this);
    }
}

void Connection::handle(const Protocol::Pong& pong) {
    if (ping_sent_ != TimePoint{} && pong.payload == ping_payload()) {
        round_trip_time_ = loop_.time() - std::exchange(ping_sent_, TimePoint{});
    }
    if (state_ == State::open) face_->ponged(*this, pong.payload);
}

void Connection::handle(const Protocol::Close& close) {
    if (traced() != nullptr) trace::ws_close(*traced(), trace::Way::in, static_cast<int>(close.code));
    close_code_ = close.code;
    close_reason_ = close.reason;
    if (state_ == State::open && first_waiting_ != nullptr) {
        close_waits_ = true;
        arm_close_timer();
    } else {
        answer_close();
    }
}

void Connection::push(MessageView view) {
    auto* waiting = new Waiting(view);
    (last_waiting_ == nullptr ? first_waiting_ : last_waiting_->next) = waiting;
    last_waiting_ = waiting;
    waiting_bytes_ += view.data.size();
    ++waiting_count_;
}

// Backpressure both ways: the face that is behind, and the peer that does not take what we send, stop our reading.
void Connection::update_reading() {
    if (!transport_) return;
    bool behind = unread_ != nullptr || is_behind();
    // A server lets a peer wait that asks for more than it reads. Did a client do so, too, two that both have much to
    // say would wait for each other; its own outbox is kept in bounds by send(), and here but by what answers pings.
    // Nor does who may drop messages: its transport can be full for ever.
    bool full = protocol_.role() == Role::client ? transport_->queued_bytes() >= options_.queued_bytes_max
                                                 : transport_->is_full();
    bool waits = full && options_.when_full == WhenFull::close;
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
    if (std::exchange(face_told_, true)) return;
    if (planted("end_untold") && close_code_ == CloseCode::abnormal_closure) return;
    Call call(*this);
    face_->closed(*this);
}

}  // namespace stepwise::ws
