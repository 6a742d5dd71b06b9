// How a connection ends: the close handshake and its deadline, a peer that is gone, one that shows no sign of life.
#include <stepwise/ws/connection_work.hpp>

#include <cerrno>
#include <new>
#include <utility>

namespace stepwise::ws {

namespace {

constexpr std::size_t ping_payload_bytes = 4;  // of when it was sent: the part that tells it from others
// What encryption adds to a ping, at most.
constexpr std::uint32_t tls_record_bytes_max = 96;

constexpr std::uint32_t frame_header_bytes(bool masked) {
    return masked ? 6 : 2;
}

}  // namespace

CloseCode Connection::close_code() const noexcept {
    return work_ == nullptr ? CloseCode::abnormal_closure : work_->close_code;
}

const std::string& Connection::close_reason() const noexcept {
    static const std::string none;
    const bool is_ending = state_ != State::open || close_waits_;  // or the work may go
    return work_ == nullptr || !is_ending ? none : work_->close_reason;
}

// Both halves of the close handshake are done with this.
void Connection::answer_close() {
    close_waits_ = false;
    drain_backlog(true);
    if (transport_) work().protocol.send_close_reply(*transport_);
    end(work().close_code, work().close_reason);
}

// By TLS also while reading is paused: what came before it is given first.
void Connection::received_end() {
    if (has_unread() && (state_ == State::open || goes_on_)) {
        work_->input_has_ended = true;
        return;
    }
    connection_lost(0);
}

void Connection::connection_lost(int) {
    if (close_waits_) {
        end(close_code(), close_reason());
    } else if (has_unread() && goes_on_) {
        work_->input_has_ended = true;  // the peer's Close may be in it
    } else {
        lose({});
    }
    end_if_over();
}

// What was read before is given first, and a Close in it tells how the connection was closed.
void Connection::lose(std::string_view reason) noexcept {
    if (!has_unread() || state_ != State::open) return end(CloseCode::abnormal_closure, reason);
    state_ = State::lost;
    work_->note_end(work_->close_code, reason);
    transport_.reset();
    work_->backlog.reset();
    wake_sender();
    end_subscriptions();
}

void Connection::close(CloseCode code, std::string_view reason) {
    check_thread();
    if (!gives_messages()) return;
    start_close(code, reason);
    drop_waiting();
}

// As too_slow: the face hears of it later.
void Connection::abort() noexcept {
    if (state_ == State::closed) return;
    if (!has_work()) return end_without_work();
    if (transport_) transport_->abort();
    shut(CloseCode::abnormal_closure, {});
    drop_waiting();
    end_later();
}

void Connection::start_close(CloseCode code, std::string_view reason) {
    if (!gives_messages()) return;
    Protocol::check_close(code, reason);  // what throws has changed nothing
    if (state_ == State::lost) {
        shut(close_code(), close_reason());
        return end_later();
    }
    if (traced() != nullptr) trace::ws_close(*traced(), trace::Way::out, static_cast<int>(code));
    drain_backlog(true);
    Work& work = this->work();
    if (close_waits_) {  // the peer has closed before us
        work.protocol.send_close(*transport_, code, reason);
        shut(close_code(), close_reason());
        return end_later();
    }
    std::string kept(reason);
    arm_close_timer();
    try {
        work.protocol.send_close(*transport_, code, reason);
    } catch (...) {
        loop_.remove_timer(work);
        throw;
    }
    state_ = State::closing;
    work.close_code = code;
    work.close_reason = std::move(kept);
    if (has_unread() && !in_events_) {
        goes_on_ = true;
        end_later();
    }
    update_reading();  // the peer's Close must be seen
}

void Connection::arm_close_timer() {
    loop_.add_timer(work(), loop_.time() + std::chrono::seconds(options_->close_timeout_seconds));
}

void Connection::Work::close_timed_out(Timer& timer) noexcept {
    Connection& connection = static_cast<Work&>(timer).connection;
    connection.goes_on_ = false;
    connection.end_later();
}

void Connection::end_later() noexcept {
    if (end_queued_) return;
    loop_.push_ready(work());
    end_queued_ = true;
}

// No memory to hear of its end later: so the transport tells of one. It is as a connection that is lost.
void Connection::end_without_work() noexcept {
    state_ = State::closing;
    transport_->note_send_failed(ENOMEM);
}

void Connection::Work::note_end(CloseCode code, std::string_view reason) noexcept {
    close_code = code;
    if (reason.data() == close_reason.data()) return;
    close_reason.clear();
    try {
        close_reason = reason;
    } catch (const std::bad_alloc&) {
    }
}

void Connection::Work::run_end(ReadyNode& node) {
    static_cast<Work&>(node).connection.run_end();
}

void Connection::run_end() {
    end_queued_ = false;
    if (goes_on_) {
        goes_on_ = false;
        go_on();
    } else if (state_ == State::closing) {  // the close handshake was not finished in time
        transport_->abort();
        shut(CloseCode::abnormal_closure, {});
    }
    if (close_waits_ && state_ == State::open) answer_close();
    if (state_ == State::closed) tell_face();
    end_if_over();
}

void Connection::end_now() noexcept {
    if (transport_) transport_->abort();
    end(CloseCode::abnormal_closure, {});
    end_if_over();
}

// The connection is over; what was written is still sent. The face may still take what waits.
void Connection::shut(CloseCode code, std::string_view reason) noexcept {
    if (state_ == State::closed) return;
    state_ = State::closed;
    close_waits_ = false;
    if (has_work()) {  // else it is told as one that was lost
        work_->note_end(code, reason);
        loop_.remove_timer(*work_);
        work_->backlog.reset();
    }
    transport_.reset();
    wake_sender();
    if (receiver_ != nullptr) std::exchange(receiver_, nullptr)->wake();
}

void Connection::end(CloseCode code, std::string_view reason) noexcept {
    shut(code, reason);
    tell_face();
}

void Connection::face_done() noexcept {
    face_done_ = true;
    if (state_ != State::closed && loop_.discarding()) {  // what is closed may have outlived its loop
        if (transport_) transport_->abort();
        shut(CloseCode::abnormal_closure, {});
    }
    end_if_over();
}

bool Connection::end_if_over() noexcept {
    if (in_events_ || end_queued_ || !face_done_ || state_ != State::closed) return false;
    delete this;
    return true;
}

// ---- keepalive

// A peer is dead when, for interval and timeout together, no byte came and it acknowledged none of ours but the ping's.
// Bytes of any kind count, so that a ping which waits behind data condemns nobody who still reads.
void Connection::check_peer(int tick) {
    if (active_) {
        active_ = false;
        last_activity_tick_ = tick - 1;
        pinged_ = false;
    }
    if (state_ != State::open || options_->ping_interval_seconds == 0) return;
    int silent = tick - last_activity_tick_;
    if (silent < options_->ping_interval_seconds) return;
    if (!pinged_) {
        pinged_ = true;
        send_keepalive();
    } else if (acknowledges_more() && !planted("keepalive_behind_writer")) {
        last_activity_tick_ = tick;
        pinged_ = false;
    } else if (silent >= options_->ping_interval_seconds + options_->ping_timeout_seconds) {
        transport_->abort();
        lose("keepalive: no sign of life (ping_interval, ping_timeout)");
        end_if_over();
    }
}

void Connection::send_keepalive() {
    acknowledged_bytes_ = static_cast<std::uint32_t>(transport_->acknowledged_bytes());
    ping_sent_ = TimePoint{};
    if (transport_->is_full()) return;
    ping_sent_ = loop_.time();
    static_cast<void>(work().protocol.send_ping(*transport_, ping_payload()));
    rest();
}

std::string_view Connection::ping_payload() const noexcept {
    return {reinterpret_cast<const char*>(&ping_sent_), ping_payload_bytes};
}

// While nobody reads here the pong lies in the kernel: then that the ping was acknowledged is all that can be known.
bool Connection::acknowledges_more() const noexcept {
    std::uint32_t ping_bytes = 0;
    if (!reading_paused_ && ping_sent_ != TimePoint{}) {
        ping_bytes = frame_header_bytes(is_client_) + ping_payload_bytes;
        if (transport_->tls() != nullptr) ping_bytes += tls_record_bytes_max;
    }
    return static_cast<std::uint32_t>(transport_->acknowledged_bytes()) - acknowledged_bytes_ > ping_bytes;
}

std::optional<Duration> Connection::round_trip_time() const noexcept {
    if (round_trip_microseconds_ == 0) return std::nullopt;
    return std::chrono::microseconds(round_trip_microseconds_);
}

}  // namespace stepwise::ws
