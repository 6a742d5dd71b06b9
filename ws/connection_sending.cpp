// What a connection writes, and what it does with messages that the peer does not take.
#include <stepwise/net/backpressure.hpp>
#include <stepwise/ws/connection.hpp>

#include <deque>

namespace stepwise::ws {

// Messages behind a full transport, of a connection that may drop its oldest: not encoded yet, as what is packed after
// another can't do without it.
struct Connection::Backlog {
    struct Held {
        Message message;
        SharedMessage shared;  // where it has a size, this one
        std::size_t size() const { return shared.size() != 0 ? shared.plain.size() : message.data().size(); }
    };

    void push(Held held) {
        bytes += held.size();
        messages.push_back(std::move(held));
    }
    Held pop() {
        Held first = std::move(messages.front());
        messages.pop_front();
        bytes -= first.size();
        return first;
    }

    std::deque<Held> messages;
    std::size_t bytes = 0;
};

void Connection::DropBacklog::operator()(Backlog* backlog) const noexcept {
    delete backlog;
}

std::size_t Connection::queued_bytes() const noexcept {
    if (!transport_) return 0;
    return transport_->queued_bytes() + (backlog_ == nullptr ? 0 : backlog_->bytes);
}

int Connection::sent_window_bits() const noexcept {
    return protocol_.compression() == nullptr ? 0 : protocol_.compression()->sent_window_bits();
}

std::optional<Duration> Connection::round_trip_time() const noexcept {
    if (round_trip_time_ == Duration{}) return std::nullopt;
    return round_trip_time_;
}

// Asked before each message. False: it is not written.
bool Connection::may_write(bool by_sender) {
    check_thread();
    if (state_ != State::open) return false;
    if (by_sender || options_.when_full != WhenFull::drop_newest) return true;
    if (transport_->queued_bytes() <= options_.queued_bytes_max) return true;
    ++dropped_messages_;
    return false;
}

bool Connection::must_hold() const noexcept {
    return options_.when_full == WhenFull::drop_oldest && (backlog_ != nullptr || transport_->is_full());
}

// Behind each message. False: it was one too many.
bool Connection::written() noexcept {
    if (options_.when_full == WhenFull::close) {
        if (transport_->queued_bytes() > options_.queued_bytes_max) too_slow();
        return state_ == State::open;
    }
    if (backlog_ == nullptr) return true;
    const std::uint32_t dropped_before = dropped_messages_;
    while (backlog_->bytes > options_.queued_bytes_max) {
        static_cast<void>(backlog_->pop());
        ++dropped_messages_;
    }
    if (!backlog_->messages.empty()) return true;
    backlog_.reset();
    return dropped_messages_ == dropped_before;
}

// `by_sender`: by send(), which has waited for the one before: that is not dropped as the newest.
bool Connection::write(std::string_view data, bool binary, bool by_sender) {
    if (!may_write(by_sender)) return false;
    const Opcode opcode = binary ? Opcode::binary : Opcode::text;
    if (traced() != nullptr) trace::ws_frame(*traced(), trace::Way::out, static_cast<std::uint8_t>(opcode), data);
    if (must_hold()) {
        if (backlog_ == nullptr) backlog_.reset(new Backlog);
        backlog_->push({Message(MessageView{data, !binary}), {}});
    } else if (!protocol_.send_message(*transport_, opcode, data)) {
        return false;
    }
    return written();
}

bool Connection::write_message(const SharedMessage& message) {
    if (!may_write(false)) return false;
    if (traced() != nullptr) {
        const std::string_view frame = message.plain.view();
        trace::ws_frame(*traced(), trace::Way::out, static_cast<std::uint8_t>(frame.front() & 0x0F), frame);
    }
    if (must_hold()) {
        if (backlog_ == nullptr) backlog_.reset(new Backlog);
        backlog_->push({Message(), message});
    } else {
        put(message);
    }
    return written();
}

void Connection::put(const SharedMessage& message) {
    const bool packed = message.packed.size() != 0 && sent_window_bits() >= message.window_bits;
    if (!packed) return transport_->write(message.plain);
    protocol_.compression()->forget_sent();
    transport_->write(message.packed);
}

// As much as the transport has room for, or all.
void Connection::drain_backlog(bool all) {
    while (backlog_ != nullptr && transport_ && (all || !transport_->is_full())) {
        const Backlog::Held held = backlog_->pop();
        if (held.shared.size() != 0) {
            put(held.shared);
        } else {
            const Opcode opcode = held.message.is_text() ? Opcode::text : Opcode::binary;
            static_cast<void>(protocol_.send_message(*transport_, opcode, held.message.data()));
        }
        if (backlog_->messages.empty()) backlog_.reset();
    }
}

// What is queued can't reach the peer in any useful time, and a Close frame behind it neither. The face hears of it
// later: it may be the one who writes.
void Connection::too_slow() noexcept {
    net::report_no_backpressure(
        *transport_, "more than queued_bytes_max, so that the connection ends; perhaps who writes does not wait",
        "co_await connection.send(…) where a coroutine writes; of a broadcast, which waits for nobody, it is the rule");
    transport_->abort();
    shut(CloseCode::try_again_later, "the peer reads too slowly (queued_bytes_max)");
    end_later();
}

Connection::Send Connection::send(std::string_view text) {
    return Send(*this, write(text, false, true));
}
Connection::Send Connection::send_binary(std::string_view bytes) {
    return Send(*this, write(bytes, true, true));
}

void Connection::drained() {
    drain_backlog(false);
    if (sender_ != nullptr && (!transport_ || !transport_->is_full())) std::exchange(sender_, nullptr)->wake();
    update_reading();
}

}  // namespace stepwise::ws
