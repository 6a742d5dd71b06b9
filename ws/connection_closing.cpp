// How a connection ends: the close handshake and its deadline, a peer that is gone, one that shows no sign of life.
#include <stepwise/ws/connection.hpp>

namespace stepwise::ws {

namespace {

// What encryption adds to a ping, at most.
constexpr std::uint8_t tls_record_bytes_max = 96;

}  // namespace

// Both halves of the close handshake are done with this.
void Connection::answer_close() {
    close_waits_ = false;
    drain_backlog(true);
    if (transport_) protocol_.send_close_reply(*transport_);
    end(close_code_, close_reason_);
}

void Connection::received_end() {
    connection_lost(0);
}

void Connection::connection_lost(int) {
    if (!close_waits_) {
        close_code_ = CloseCode::abnormal_closure;
        close_reason_.clear();
    }
    end(close_code_, close_reason_);
    end_if_over();
}

void Connection::close(CloseCode code, std::string_view reason) {
    check_thread();
    if (state_ != State::open) return;
    start_close(code, reason);
    drop_waiting();
}

// As too_slow: the face hears of it later.
void Connection::abort() noexcept {
    if (state_ == State::closed) return;
    transport_->abort();
    shut(CloseCode::abnormal_closure, {});
    drop_waiting();
    end_later();
}

void Connection::start_close(CloseCode code, std::string_view reason) {
    if (state_ != State::open) return;
    if (traced() != nullptr) trace::ws_close(*traced(), trace::Way::out, static_cast<int>(code));
    drain_backlog(true);
    protocol_.send_close(*transport_, code, reason);
    if (close_waits_) {  // the peer has closed before us
        shut(close_code_, close_reason_);
        return end_later();
    }
    state_ = State::closing;
    close_code_ = code;
    close_reason_ = reason;
    arm_close_timer();
    if (unread_ != nullptr && !in_events_) {
        goes_on_ = true;
        end_later();
    }
    update_reading();  // the peer's Close must be seen
}

void Connection::arm_close_timer() {
    loop_.add_timer(*this, loop_.time() + std::chrono::seconds(options_.close_timeout_seconds));
}

void Connection::close_timed_out(Timer& timer) noexcept {
    auto& self = static_cast<Connection&>(timer);
    self.goes_on_ = false;
    self.end_later();
}

void Connection::end_later() noexcept {
    if (std::exchange(end_queued_, true)) return;
    loop_.push_ready(static_cast<ReadyNode&>(*this));
}

void Connection::run_end(ReadyNode& node) {
    auto& self = static_cast<Connection&>(node);
    self.end_queued_ = false;
    if (std::exchange(self.goes_on_, false)) {
        self.go_on();
    } else if (self.state_ == State::closing) {  // the close handshake was not finished in time
        self.transport_->abort();
        self.shut(CloseCode::abnormal_closure, {});
    }
    if (self.close_waits_ && self.state_ == State::open) self.answer_close();
    if (self.state_ == State::closed) self.tell_face();
    self.end_if_over();
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
    close_code_ = code;
    if (reason.data() != close_reason_.data()) close_reason_ = reason;
    loop_.remove_timer(*this);
    transport_.reset();
    backlog_.reset();
    if (sender_ != nullptr) std::exchange(sender_, nullptr)->wake();
    if (receiver_ != nullptr) std::exchange(receiver_, nullptr)->wake();
}

void Connection::end(CloseCode code, std::string_view reason) noexcept {
    shut(code, reason);
    tell_face();
}

void Connection::face_done() noexcept {
    face_done_ = true;
    if (loop_.discarding()) {
        if (transport_) transport_->abort();
        shut(CloseCode::abnormal_closure, {});
    }
    end_if_over();
}

void Connection::end_if_over() noexcept {
    if (!in_events_ && !end_queued_ && face_done_ && state_ == State::closed) delete this;
}

// ---- keepalive

// A peer is dead when, for interval and timeout together, no byte came and it acknowledged none of ours but the ping's.
// Bytes of any kind count, so that a ping which waits behind data condemns nobody who still reads.
void Connection::check_peer(int tick) {
    if (std::exchange(active_, false)) {
        last_activity_tick_ = tick - 1;
        pinged_ = false;
    }
    if (state_ != State::open || options_.ping_interval_seconds == 0) return;
    int silent = tick - last_activity_tick_;
    if (silent < options_.ping_interval_seconds) return;
    if (!pinged_) {
        pinged_ = true;
        send_keepalive();
    } else if (acknowledges_more() && !planted("keepalive_behind_writer")) {
        last_activity_tick_ = tick;
        pinged_ = false;
    } else if (silent >= options_.ping_interval_seconds + options_.ping_timeout_seconds) {
        transport_->abort();
        end(CloseCode::abnormal_closure, "keepalive: no sign of life (ping_interval, ping_timeout)");
        end_if_over();
    }
}

void Connection::send_keepalive() {
    acknowledged_bytes_ = transport_->acknowledged_bytes();
    ping_bytes_ = 0;
    if (transport_->is_full()) return;
    const std::size_t before = transport_->queued_bytes();
    ++pings_sent_;
    ping_sent_ = loop_.time();
    static_cast<void>(protocol_.send_ping(*transport_, ping_payload()));
    ping_bytes_ = static_cast<std::uint8_t>(transport_->queued_bytes() - before);
    if (transport_->tls() != nullptr) ping_bytes_ += tls_record_bytes_max;
}

// While nobody reads here the pong lies in the kernel: then that the ping was acknowledged is all that can be known.
bool Connection::acknowledges_more() const noexcept {
    const std::uint64_t known = acknowledged_bytes_ + (reading_paused_ ? 0 : ping_bytes_);
    return transport_->acknowledged_bytes() > known;
}

}  // namespace stepwise::ws
