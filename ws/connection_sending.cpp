// What a connection writes, and what it does with messages that the peer does not take.
#include <stepwise/net/backpressure.hpp>
#include <stepwise/ws/connection_work.hpp>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <new>

namespace stepwise::ws {

// Messages behind a full transport, of a connection that may drop its oldest: not encoded yet, as what is packed after
// another can't do without it.
struct Connection::Backlog {
    struct Held {
        Message message;
        SharedMessage shared;  // where it has a size, this one
        bool by_sender = false;
        std::size_t size() const { return shared.size() != 0 ? shared.plain.size() : message.data().size(); }
    };

    // Messages of no bytes cost memory, too.
    bool is_too_much(std::size_t bytes_max) const {
        return bytes > bytes_max || (messages.size() > 1 && bytes + messages.size() * sizeof(Held) > bytes_max);
    }

    void push(Held held) {
        const std::size_t size = held.size();
        const bool by_sender = held.by_sender;
        messages.push_back(std::move(held));  // may throw: nothing is counted then
        bytes += size;
        if (by_sender) ++sender_messages;
    }
    void pop() {
        bytes -= messages.front().size();
        if (messages.front().by_sender) --sender_messages;
        messages.pop_front();
    }

    // Of those that may be dropped.
    enum class Dropped : std::uint8_t { none, newest, older };
    Dropped drop_oldest() {
        const auto oldest = std::find_if(messages.begin(), messages.end(), [](const Held& h) { return !h.by_sender; });
        if (oldest == messages.end()) return Dropped::none;
        const bool is_newest = std::next(oldest) == messages.end();
        bytes -= oldest->size();
        messages.erase(oldest);
        return is_newest ? Dropped::newest : Dropped::older;
    }

    std::deque<Held> messages;
    std::size_t bytes = 0;
    std::size_t sender_messages = 0;
};

void Connection::Work::EndBacklog::operator()(Backlog* backlog) const noexcept {
    delete backlog;
}

std::size_t Connection::queued_bytes() const noexcept {
    if (!transport_) return 0;
    return transport_->queued_bytes() + (has_backlog() ? work_->backlog->bytes : 0);
}

std::size_t Connection::dropped_messages() const noexcept {
    return work_ == nullptr ? 0 : work_->dropped_messages;
}

int Connection::sent_window_bits() const noexcept {
    if (!compression_) return 0;
    return is_client_ ? compression_->client_max_window_bits : compression_->server_max_window_bits;
}

bool Connection::has_backlog() const noexcept {
    return work_ != nullptr && work_->backlog != nullptr;
}

// Asked before each message. False: it is not written.
bool Connection::may_write(bool by_sender) {
    check_thread();
    if (state_ != State::open) return false;
    if (by_sender || options_->when_full != WhenFull::drop_newest) return true;
    wake_sender_if_sent();
    if (transport_->queued_bytes() <= options_->queued_bytes_max) return true;
    ++work().dropped_messages;
    return false;
}

bool Connection::must_hold() const noexcept {
    return options_->when_full == WhenFull::drop_oldest && (has_backlog() || transport_->is_full());
}

// Behind each message. False: it was one too many.
bool Connection::written() noexcept {
    if (options_->when_full == WhenFull::close) {
        if (transport_->queued_bytes() > options_->queued_bytes_max) too_slow();
        return state_ == State::open;
    }
    return true;
}

// Drops what has waited longest, but nothing that send() gave. False: this message was not kept.
bool Connection::hold(MessageView view, const SharedMessage* shared, bool by_sender) {
    Backlog::Held held{shared == nullptr ? Message(view) : Message(), shared == nullptr ? SharedMessage() : *shared,
                       by_sender};
    Work& work = this->work();
    if (!by_sender && held.size() > options_->queued_bytes_max) {
        ++work.dropped_messages;
        return false;
    }
    if (work.backlog == nullptr) work.backlog.reset(new Backlog);
    work.backlog->push(std::move(held));
    while (work.backlog->is_too_much(options_->queued_bytes_max)) {
        const Backlog::Dropped dropped = work.backlog->drop_oldest();
        if (dropped == Backlog::Dropped::none) break;
        ++work.dropped_messages;
        if (dropped == Backlog::Dropped::newest) return false;
    }
    return true;
}

// Who waited for them was cancelled: they are messages like others.
void Connection::let_drop_sent() noexcept {
    if (!has_backlog() || work_->backlog->sender_messages == 0) return;
    for (Backlog::Held& held : work_->backlog->messages) held.by_sender = false;
    work_->backlog->sender_messages = 0;
}

// `by_sender`: by send(), which has waited for the one before: that is not dropped as the newest.
bool Connection::write(std::string_view data, bool binary, bool by_sender) {
    if (!may_write(by_sender)) return false;
    const Opcode opcode = binary ? Opcode::binary : Opcode::text;
    if (traced() != nullptr) trace::ws_frame(*traced(), trace::Way::out, static_cast<std::uint8_t>(opcode), data);
    if (must_hold()) return hold({data, !binary}, nullptr, by_sender);
    const std::size_t before = transport_->queued_bytes();
    Work& work = this->work();
    if (!work.protocol.send_message(*transport_, opcode, data)) return false;
    if (work.sender != nullptr) work.sender->bytes_behind_ += transport_->queued_bytes() - before;
    const bool is_open = written();
    rest();
    return is_open;
}

bool Connection::write_message(const SharedMessage& message) {
    check_takes_shared(*this, "ws::Connection::write_message");
    if (!may_write(false)) return false;
    if (traced() != nullptr) {
        const std::string_view frame = message.plain.view();
        trace::ws_frame(*traced(), trace::Way::out, static_cast<std::uint8_t>(frame.front() & 0x0F), frame);
    }
    if (must_hold()) return hold({}, &message, false);
    const std::size_t before = transport_->queued_bytes();
    put(message);
    if (has_sender()) work_->sender->bytes_behind_ += transport_->queued_bytes() - before;
    return written();
}

void Connection::put(const SharedMessage& message) {
    const bool packed = message.packed.size() != 0 && sent_window_bits() >= message.window_bits;
    if (!packed) return transport_->write(message.plain);
    if (work_ != nullptr) work_->protocol.compression()->forget_sent();
    transport_->write(message.packed);
}

// As much as the transport has room for, or all.
void Connection::drain_backlog(bool all) {
    while (has_backlog() && transport_ && (all || !transport_->is_full())) {
        const Backlog::Held& held = work_->backlog->messages.front();
        if (held.shared.size() != 0) {
            put(held.shared);
        } else {
            const Opcode opcode = held.message.is_text() ? Opcode::text : Opcode::binary;
            static_cast<void>(work_->protocol.send_message(*transport_, opcode, held.message.data()));
        }
        work_->backlog->pop();
        if (work_->backlog->messages.empty()) work_->backlog.reset();
    }
}

// What is queued can't reach the peer in any useful time, and a Close frame behind it neither. The face hears of it
// later: it may be the one who writes.
void Connection::too_slow() noexcept {
    net::report_no_backpressure(
        *transport_, "more than queued_bytes_max, so that the connection ends; perhaps who writes does not wait",
        "co_await connection.send(…) where a coroutine writes; of a broadcast, which waits for nobody, it is the rule");
    if (!has_work()) return end_without_work();
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

bool Connection::has_sender() const noexcept {
    return work_ != nullptr && work_->sender != nullptr;
}

void Connection::wake_sender() noexcept {
    if (has_sender()) std::exchange(work_->sender, nullptr)->wake();
}

void Connection::forget_sender(const Send& sender) noexcept {
    if (!has_sender() || work_->sender != &sender) return;
    work_->sender = nullptr;
    rest();
}

// A sender waits for its own message only: others may keep the transport full for as long as they come.
void Connection::drained() {
    try {
        drain_backlog(false);
    } catch (const std::bad_alloc&) {  // it is not called again
        return transport_->note_send_failed(ENOMEM);
    }
    const bool is_held = has_backlog() && work_->backlog->sender_messages != 0;
    if (!is_held) wake_sender();
    update_reading();
    if (work_ != nullptr && !transport_->is_full()) work_->next_pong = TimePoint{};
    rest();
}

// With drop_newest drained() may never come.
void Connection::wake_sender_if_sent() noexcept {
    if (has_sender() && transport_->queued_bytes() <= work_->sender->bytes_behind_) wake_sender();
}

// While a peer does not take what is queued, one ping a second is answered: else what it asks for had no end.
void Connection::answer(const Protocol::Ping& ping) {
    if (!transport_) return;
    Work& work = this->work();
    if (options_->when_full != WhenFull::close && transport_->is_full()) {
        if (loop_.time() < work.next_pong) return;
        work.next_pong = loop_.time() + std::chrono::seconds(1);
    }
    static_cast<void>(work.protocol.send_pong(*transport_, ping.payload));
}

}  // namespace stepwise::ws
