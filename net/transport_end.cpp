// How a transport ends: at once, in order, or with its loop; and when its object may go.
#include <stepwise/net/transport.hpp>

#include <stdexcept>
#include <utility>

namespace stepwise::net {

void Transport::abort() noexcept {
    if (error_ == 0) error_ = ECONNABORTED;
    lost_reported_ = true;
    close_socket();
}

UniqueFd Transport::release() {
    if (receiving_ || pending() || queued_bytes() != 0 || end_wanted_) {
        throw std::logic_error("Transport::release: the socket is in use");
    }
    if (error_ == 0) error_ = ECONNABORTED;
    lost_reported_ = true;
    full_ = false;
    if (!socket_) return {};
    loop_.unbind(*this);
    loop_.reactor().forget(fd());
    return std::move(socket_);
}

void Transport::let_go() noexcept {
    owned_ = false;
    handler_ = nullptr;
    const bool is_worth_it = !is_in_handshake() || queued_bytes() != 0;
    if (socket_ && !is_lost() && !loop_.discarding() && is_worth_it &&
        !(planted("close_races_send") && !outbox_.empty())) {
        linger();
    } else {
        close_socket();
    }
    delete_if_unused();
}

void Transport::linger() noexcept {
    try {
        loop_.remove_timer(*this);  // of a handshake
        linger_from_now();
        resume_receiving();
        start_receiving();
    } catch (...) {  // out of memory or of watches: then the end comes without ceremony
        return close_socket();
    }
    if (end_sent_ && end_received_) return close_socket();
    write_end();
}

void Transport::time_is_up(Timer& timer) noexcept {
    auto& self = static_cast<Transport&>(timer);
    if (self.owned_) return self.handshake_is_late();
    self.close_socket();
    self.delete_if_unused();
}

void Transport::loop_closing() noexcept {
    close_socket();
    delete_if_unused();
}

void Transport::stop_receiving() noexcept {
    if (!std::exchange(receiving_, false)) return;
    if (tracer() != nullptr) trace::unwatched(*tracer(), fd());
    loop_.reactor().stop_receiving(*this);
}

void Transport::close_socket() noexcept {
    if (socket_) {
        stop_receiving();
        loop_.remove_timer(*this);
        if (error_ == 0) error_ = ECONNABORTED;
        closing_ = std::move(socket_);
        if (holds_ != 0) calls::shutdown(closing_.get(), SHUT_RDWR);
        if (pending() && !loop_.discarding()) {
            bool outer = std::exchange(in_call_, true);
            cancel_send();  // `sent` comes, at once or later
            in_call_ = outer;
        }
    }
    if (!closing_) return;
    if (pending() && loop_.discarding()) abandon_send();
    if (!pending()) finish_close();
}

// Not before the kernel has let go of the send: it may not have looked at the descriptor yet, whose number another
// socket would get meanwhile.
void Transport::finish_close() noexcept {
    if (!closing_ || holds_ != 0) return;
    clear_queued();
    loop_.unbind(*this);
    loop_.reactor().forget(closing_.get());
    closing_.reset();
}

void Transport::end_hold() noexcept {
    if (--holds_ != 0) return;
    if (!pending()) finish_close();
    delete_if_unused();
}

void Transport::delete_if_unused() noexcept {
    if (!owned_ && !socket_ && !closing_ && !pending() && !node_queued_ && !in_call_ && holds_ == 0) delete this;
}

}  // namespace stepwise::net
