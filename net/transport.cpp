#include <stepwise/net/transport.hpp>

#include <poll.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>

namespace stepwise::net {

namespace {

constexpr std::int64_t freed_early = -2;  // a planted bug's, in Operation::offset

}  // namespace

// What the kernel has until it completes.
struct Transport::Send : Operation, frame_pool::Pooled {
    struct Message : frame_pool::Pooled {
        std::array<iovec, 16> parts;
        msghdr header{};
    };

    explicit Send(Transport& of) noexcept : Operation(&Transport::send_completed), transport(of) {}

    Transport& transport;
    std::unique_ptr<Message> message;  // of one in several parts
};

namespace {

std::int32_t in_milliseconds(Duration time) noexcept {
    constexpr std::chrono::milliseconds longest(std::numeric_limits<std::int32_t>::max());
    if (time >= longest) return std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

std::uint32_t in_32_bits(std::size_t bytes) noexcept {
    return static_cast<std::uint32_t>(std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Transport::Limits::Limits(const TransportOptions& options) noexcept
    : write_high_water_bytes(in_32_bits(options.write_high_water_bytes)),
      write_low_water_bytes(in_32_bits(options.write_low_water_bytes)),
      linger_timeout(in_milliseconds(options.linger_timeout)),
      handshake_timeout(in_milliseconds(options.handshake_timeout)) {}

// Keeps the transport while its handler is called, whatever the handler does with its Owner.
class Transport::Call {
public:
    explicit Call(Transport& transport) noexcept : transport_(transport), outer_(transport.in_call_) {
        transport_.in_call_ = true;
    }
    ~Call() {
        transport_.in_call_ = outer_;
        transport_.delete_if_unused();
    }

private:
    Transport& transport_;
    bool outer_;
};

Transport::Transport(EventLoop& loop, UniqueFd socket, TransportHandler* handler,
                     const TransportOptions& options) noexcept
    : ReadyNode(&Transport::run_flush),
      Timer(&Transport::time_is_up),
      loop_(loop),
      handler_(handler),
      limits_(options),
      socket_(std::move(socket)) {
    loop_.bind(*this);
}

Transport::~Transport() {
    assert(!socket_ && !closing_ && !pending() && !node_queued_);
}

Transport::Owner Transport::make(EventLoop& loop, UniqueFd socket, TransportHandler* handler,
                                 const TransportOptions& options) {
    return Owner(new Transport(loop, std::move(socket), handler, options));
}

// ---- receiving

void Transport::start_receiving() {
    if (receiving_ || end_received_ || is_lost()) return;
    if (tracer() != nullptr) trace::watched(*tracer(), fd(), POLLIN);
    loop_.reactor().start_receiving(fd(), *this);
    receiving_ = true;
    receive_paused_ = false;
}

void Transport::pause_receiving() noexcept {
    if (!receiving_ || receive_paused_) return;
    receive_paused_ = true;
    if (tracer() != nullptr) [[unlikely]]
        trace::paused(*tracer(), fd(), trace::Way::in, queued_bytes());
    loop_.reactor().pause_receiving(*this);
}

void Transport::resume_receiving() {
    if (!receiving_ || !receive_paused_) return;
    receive_paused_ = false;
    if (tracer() != nullptr) [[unlikely]]
        trace::resumed(*tracer(), fd(), trace::Way::in, queued_bytes());
    loop_.reactor().resume_receiving(*this);
}

namespace {

// Gives back what it was given: a caller that is not traced keeps nothing over this call, and needs no register for it.
[[gnu::noinline, gnu::cold]] std::span<char> told(const Transport& transport, std::span<char> bytes) noexcept {
    trace::bytes(*transport.tracer(), transport.fd(), trace::Way::in, bytes.size());
    return bytes;
}

}  // namespace

void Transport::received(std::span<char> bytes) {
    if (handler_ == nullptr && tls_ == nullptr) return;  // lingering: read and dropped
    if (tracer() != nullptr) [[unlikely]]
        bytes = told(*this, bytes);
    Call call(*this);
    if (tls_ != nullptr) return received_from_wire({bytes.data(), bytes.size()});
    handler_->received(bytes);
}

void Transport::receive_ended(int error) {
    Call call(*this);
    receiving_ = false;
    if (error == 0 && tls_ != nullptr) error = error_of_end_of_wire();
    if (error != 0) {
        if (std::exchange(lost_reported_, true)) return;
        fail(error);
        if (handler_ != nullptr) handler_->connection_lost(error_);
        if (!owned_) close_socket();
        return;
    }
    end_of_input();
}

// With TLS this may have been told before the socket's end.
void Transport::end_of_input() {
    if (!std::exchange(end_received_, true) && handler_ != nullptr) return handler_->received_end();
    if (!owned_ && end_sent_) close_socket();
}

// ---- sending

void Transport::become_full() noexcept {
    if (tracer() != nullptr && !full_) trace::paused(*tracer(), fd(), trace::Way::out, queued_bytes());
    full_ = true;
}

namespace {

// Not traced, a flush is queued without a stack frame.
[[gnu::noinline, gnu::cold]] void queue_told(EventLoop& loop, ReadyNode& node) noexcept {
    loop.before_poll(node);
}

}  // namespace

void Transport::queue_flush() noexcept {
    if (is_lost() || !socket_) return clear_queued();
    node_queued_ = true;
    ReadyNode::run = &Transport::run_flush;
    if (tracer() != nullptr) [[unlikely]]
        return queue_told(loop_, *this);
    loop_.before_poll(*this);
}

void Transport::report_later() noexcept {
    if (node_queued_) return;
    node_queued_ = true;
    ReadyNode::run = &Transport::run_report;
    loop_.push_ready(static_cast<ReadyNode&>(*this));
}

void Transport::run_flush(ReadyNode& node) {
    auto& self = static_cast<Transport&>(node);
    self.node_queued_ = false;
    if (!self.socket_ || self.loop_.discarding()) return self.delete_if_unused();
    // An earlier flush in this turn may have found what is to be told, and the node in use.
    bool report_due = self.drained_due_ || (self.is_lost() && !self.lost_reported_);
    if (self.owned_ && report_due) self.report_later();
    self.flush();
}

void Transport::flush() noexcept {
    if (pending() || is_lost()) return;
    while (has_more_for_wire() && start_send()) take_sent();  // clears what is queued when it fails
    if (is_lost()) {
        if (!owned_) close_socket();
    } else if (!pending() && end_wanted_ && (tls_ == nullptr || tls()->is_closed())) {
        end_writing();
    }
    delete_if_unused();
}

void Transport::append(std::string_view bytes) {
    bytes.remove_prefix(send_now(bytes));
    if (bytes.empty() || is_lost()) return;
    char* room = nullptr;
    try {
        room = prepare(bytes.size());
    } catch (const std::bad_alloc&) {  // some are sent, or what announces them is: nothing else may follow
        return fail(ENOMEM);
    }
    std::memcpy(room, bytes.data(), bytes.size());
    commit(bytes.size());
}

// Behind what is corked already. Returns how many of `bytes` the socket took; what is wrong shows at the next flush.
std::size_t Transport::send_now(std::string_view bytes) noexcept {
    if (full_ || is_lost() || end_wanted_ || !socket_) return 0;
    if (tls_ != nullptr) return encrypt_now(bytes);
    if (pending()) return 0;
    std::array<iovec, 16> parts;
    std::size_t count = outbox_.gather(std::span(parts).first(parts.size() - 1));
    std::size_t corked = outbox_.size();
    for (std::size_t index = 0; index < count; ++index) corked -= parts[index].iov_len;
    if (corked != 0) return 0;  // in more parts than these
    parts[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    int result = loop_.reactor().send_now(fd(), message);
    if (result <= 0) return 0;
    auto sent = static_cast<std::size_t>(result);
    note_sent(sent);
    std::size_t of_outbox = std::min(sent, outbox_.size());
    outbox_.consume(of_outbox);
    return sent - of_outbox;
}

void Transport::note_sent(std::size_t bytes) noexcept {
    sent_bytes_ += bytes;
    if (tracer() != nullptr) [[unlikely]]
        trace::bytes(*tracer(), fd(), trace::Way::out, bytes);
}

// True: it is done, with a result.
bool Transport::start_send() noexcept {
    std::array<iovec, 16> parts;
    const std::size_t count = to_wire().gather(parts);
    try {
        send_ = new Send(*this);
        if (count > 1) send_->message.reset(new Send::Message);
    } catch (const std::bad_alloc&) {
        end_send();
        fail(ENOMEM);
        return false;
    }
    if (count == 1) {
        send_->prepare_send(fd(), parts[0].iov_base, parts[0].iov_len);
    } else {
        Send::Message& message = *send_->message;
        message.parts = parts;
        message.header.msg_iov = message.parts.data();
        message.header.msg_iovlen = count;
        send_->prepare_send_message(fd(), &message.header);
    }
    bool done = loop_.reactor().submit(*send_);
    if (planted("buffer_freed_early") && !done) {
        to_wire().consume(to_wire().size());
        send_->offset = freed_early;
    }
    return done;
}

void Transport::end_send() noexcept {
    delete std::exchange(send_, nullptr);
}

void Transport::cancel_send() noexcept {
    loop_.reactor().cancel(*send_);
}

void Transport::abandon_send() noexcept {
    loop_.reactor().abandon(*send_);
    end_send();
}

void Transport::take_sent() noexcept {
    const int result = send_->result;
    const bool was_freed_early = planted("buffer_freed_early") && send_->offset == freed_early;
    end_send();
    if (result < 0) return fail(-result);
    if (is_lost()) return clear_queued();
    if (!was_freed_early) to_wire().consume(static_cast<std::size_t>(result));
    if (planted("double_completion")) outbox_.consume(std::min(static_cast<std::size_t>(result), outbox_.size()));
    note_sent(static_cast<std::size_t>(result));
    if (full_ && queued_bytes() <= limits_.write_low_water_bytes) {
        full_ = false;
        if (tracer() != nullptr) trace::resumed(*tracer(), fd(), trace::Way::out, queued_bytes());
        drained_due_ = owned_;
        if (planted("lost_wakeup") && outbox_.empty()) return;
        if (drained_due_) report_later();
    }
}

void Transport::send_completed(Operation& operation) noexcept {
    static_cast<Send&>(operation).transport.sent();
}

void Transport::sent() noexcept {
    take_sent();
    if (!socket_) {
        finish_close();
        return delete_if_unused();
    }
    if (!owned_) {
        if (is_lost()) {
            close_socket();
            return delete_if_unused();
        }
        if (armed()) {  // progress: the peer is there
            loop_.remove_timer(*this);
            linger_from_now();
        }
    }
    if ((queued_bytes() != 0 || end_wanted_) && !node_queued_) queue_flush();
}

void Transport::fail(int error) noexcept {
    if (error_ == 0) error_ = error;
    if (!pending()) clear_queued();  // else when the kernel has let go of it
    full_ = false;
    drained_due_ = false;
    stop_receiving();
    if (owned_ && !lost_reported_) report_later();
}

void Transport::run_report(ReadyNode& node) {
    auto& self = static_cast<Transport&>(node);
    self.node_queued_ = false;
    if (!self.owned_ || self.loop_.discarding()) return self.delete_if_unused();
    Call call(self);
    if (self.is_lost()) {
        if (!self.pending()) self.clear_queued();
        if (!std::exchange(self.lost_reported_, true) && self.handler_ != nullptr) {
            self.handler_->connection_lost(self.error_);
        }
        return;
    }
    if (self.queued_bytes() != 0 || self.end_wanted_) self.schedule_flush();
    if (std::exchange(self.drained_due_, false) && self.handler_ != nullptr) self.handler_->drained();
}

void Transport::clear_queued() noexcept {
    outbox_.clear();
    if (tls_ != nullptr) encrypted().clear();
}

std::size_t Transport::unacknowledged_bytes() const noexcept {
    const int on_the_way = socket_ ? net::unacknowledged_bytes(fd()) : 0;
    return static_cast<std::size_t>(std::max(0, on_the_way));
}

std::uint64_t Transport::acknowledged_bytes() const noexcept {
    return sent_bytes_ - unacknowledged_bytes();
}

void Transport::write_end() {
    end_wanted_ = true;
    if (!node_queued_ && !pending()) queue_flush();
}

void Transport::end_writing() noexcept {
    if (!std::exchange(end_sent_, true)) calls::shutdown(fd(), SHUT_WR);
    end_wanted_ = false;
    if (!owned_ && end_received_) close_socket();
}

}  // namespace stepwise::net
