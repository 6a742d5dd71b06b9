#include <stepwise/runtime/sim/network.hpp>
#include <stepwise/runtime/sim/socket.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stepwise::sim {

namespace {

// Of a slow reader: 25,600 bytes a second.
constexpr std::size_t slow_read_bytes = 256;
constexpr Duration time_between_slow_reads = std::chrono::milliseconds(10);

// Drops what was taken from the front, once it is worth the move.
void trim(std::string& bytes, std::size_t& from) {
    if (from == bytes.size()) {
        bytes.clear();
        from = 0;
    } else if (from > 64 * 1024 && from > bytes.size() / 2) {
        bytes.erase(0, from);
        from = 0;
    }
}

}  // namespace

Socket::Socket(Network& of, std::uint64_t number, Kind own_kind, int family) noexcept
    : network(of),
      id(number),
      kind(own_kind),
      local(family),
      remote(family),
      send_buffer_bytes(of.options.send_buffer_bytes),
      receive_buffer_bytes(of.options.receive_buffer_bytes) {
    network.sockets_.emplace(id, this);
}

Socket::Use& Socket::use_of(const void* by) {
    auto use = std::ranges::find(uses, by, &Use::reactor);
    if (use == uses.end()) use = std::ranges::find(uses, false, &Use::waits);
    if (use == uses.end()) use = uses.emplace(uses.end());
    use->reactor = by;
    return *use;
}

Socket::~Socket() {
    network.sockets_.erase(id);
}

void Socket::join(Socket& one, Socket& other) {
    one.peer = other.shared_from_this();
    other.peer = one.shared_from_this();
}

void Socket::join_one_way(Socket& reader, Socket& writer) {
    join(reader, writer);
    reader.state = writer.state = State::connected;
    reader.end_wanted_ = reader.end_sent_ = true;
}

bool Socket::arrives_at_once() const noexcept {
    return kind != Kind::tcp || network.at_once();
}

// ---- sending

std::size_t Socket::room_to_send() const noexcept {
    return send_buffer_bytes - std::min(send_buffer_bytes, unsent_size());
}

int Socket::refusal_to_send() {
    if (error != 0) return -take_error();
    if (state == State::connecting) return -EAGAIN;
    if (state != State::connected || broken_ || end_wanted_) return -EPIPE;
    return kind != Kind::tcp && peer_is_gone() ? -EPIPE : 0;
}

int Socket::send(std::span<const iovec> parts) {
    if (int refusal = refusal_to_send(); refusal != 0) return refusal;
    std::size_t size = 0;
    for (const iovec& part : parts) size += part.iov_len;
    if (size == 0) return 0;
    std::size_t room = room_to_send();
    if (room == 0) return -EAGAIN;
    if (network.faults.strikes(Fault::no_buffers)) return -ENOBUFS;
    std::size_t count = std::min(size, room);
    if (count > 1 && network.faults.strikes(Fault::short_write)) {
        count = 1 + network.faults.below(Fault::short_write, count - 1);
    }
    std::size_t left = count;
    for (const iovec& part : parts) {
        std::size_t taken = std::min(left, part.iov_len);
        unsent_.append(static_cast<const char*>(part.iov_base), taken);
        left -= taken;
    }
    transmit();
    return static_cast<int>(count);
}

std::size_t Socket::window() const noexcept {
    if (peer == nullptr) return 0;
    std::size_t taken = in_flight_bytes_ + (peer->state == State::closed ? 0 : peer->unread_bytes());
    return peer->receive_buffer_bytes - std::min(peer->receive_buffer_bytes, taken);
}

void Socket::transmit() {
    // Until its peer has answered, a connection that is being made sends nothing.
    if (state == State::connecting) return;
    bool moved = false;
    while (unsent_size() != 0) {
        std::size_t size = std::min({unsent_size(), window(), network.piece_bytes_max()});
        if (size == 0) break;
        if (size > 1 && network.faults.strikes(Fault::split)) size = 1 + network.faults.below(Fault::split, size - 1);
        std::string bytes = unsent_.substr(unsent_from_, size);
        unsent_from_ += size;
        trim(unsent_, unsent_from_);
        moved = true;
        dispatch(Content::bytes, std::move(bytes));
    }
    if (moved) network.changed(*this);
    if (end_wanted_ && unsent_size() == 0 && !std::exchange(end_sent_, true)) dispatch(Content::end, {});
}

void Socket::dispatch(Content content, std::string bytes) {
    if (peer == nullptr) return;
    bool carries = kind == Kind::tcp && content == Content::bytes;
    if (carries && network.faults.strikes(Fault::cut)) cut = peer->cut = true;
    if (carries && network.faults.strikes(Fault::partition)) {
        auto longest = static_cast<std::uint64_t>(network.options.partition_max.count());
        part_from_peer(Duration(network.faults.below(Fault::partition, longest)));
    }
    TimePoint arrival = network.timeline.present();
    if (!arrives_at_once()) {
        arrival = network.arrival_of(bytes.size(), line_free_);
        if (carries && network.faults.strikes(Fault::delay)) {
            arrival += network.latency() * static_cast<long>(1 + network.faults.below(Fault::delay, 100));
        }
    }
    last_arrival_ = arrival = std::max(arrival, last_arrival_);
    in_flight_bytes_ += bytes.size();
    in_flight_.push_back({arrival, content, std::move(bytes)});
    if (carries && network.faults.strikes(Fault::reset)) {
        in_flight_.push_back({arrival, Content::broken_on_the_way, {}});
    }
    if (carries && network.faults.strikes(Fault::half_close)) end_sending();
    if (arrives_at_once()) {
        deliver();
    } else {
        network.timeline.add(arrival, shared_from_this(), arrives);
    }
}

void Socket::deliver() {
    while (!in_flight_.empty() && in_flight_.front().arrival <= network.timeline.present()) {
        if (kind == Kind::tcp && network.is_cut(*this)) {
            if (held_since_ != TimePoint::max()) return;
            held_since_ = network.timeline.present();
            network.timeline.add(held_since_ + network.options.retransmission_max, shared_from_this(), gives_up);
            return;
        }
        held_since_ = TimePoint::max();
        Piece piece = std::move(in_flight_.front());
        in_flight_.pop_front();
        in_flight_bytes_ -= piece.bytes.size();
        arrive(std::move(piece));
    }
    part_if_over();
}

void Socket::arrive(Piece piece) {
    std::shared_ptr<Socket> to = peer;
    if (to == nullptr || broken_) return;
    switch (piece.content) {
        case Content::bytes:
            if (to->state != State::closed) {
                if (to->broken_) return;
                to->received_ += piece.bytes;
                network.changed(*to);
            } else if (arrives_at_once()) {
                receive_reset();
            } else {
                network.timeline.add(network.timeline.present() + network.latency(), shared_from_this(), is_reset);
            }
            return;
        case Content::end:
            to->end_received_ = true;
            network.changed(*to);
            return;
        case Content::broken_on_the_way:
            receive_reset();
            [[fallthrough]];
        case Content::reset:
            to->receive_reset();
            return;
    }
}

void Socket::part_from_peer(Duration time) {
    const TimePoint heals = network.timeline.present() + time;
    for (const std::shared_ptr<Socket>& end : {shared_from_this(), peer}) {
        if (end == nullptr) continue;
        end->cut_until = heals;
        network.timeline.add(heals, end, cut_ends);
    }
}

void Socket::end_sending() {
    unsent_.clear();
    unsent_from_ = 0;
    end_wanted_ = true;
    if (!std::exchange(end_sent_, true)) dispatch(Content::end, {});
    network.changed(*this);
}

void Socket::resume() {
    if (in_flight_.empty() || kind != Kind::tcp) return;
    TimePoint soon = network.timeline.present() + network.latency();
    network.timeline.add(std::max(soon, in_flight_.front().arrival), shared_from_this(), arrives);
}

// ---- receiving

bool Socket::is_stalled() const noexcept {
    return stalled_until_ > network.timeline.present();
}

void Socket::stall(Duration time) {
    stalled_until_ = network.timeline.present() + time;
    network.timeline.add(stalled_until_, shared_from_this(), stall_ends);
}

void Socket::read_slowly(Duration time) noexcept {
    slow_until_ = network.timeline.present() + time;
}

int Socket::recv(std::span<char> to) {
    if (state == State::connecting) return -EAGAIN;
    if (state != State::connected && error == 0) return -ENOTCONN;
    if (is_stalled()) return -EAGAIN;
    if (to.empty()) return 0;
    std::size_t count = std::min(to.size(), unread_bytes());
    if (count == 0) {
        if (end_received_ || reading_ended_) return 0;
        if (error != 0) return -take_error();
        return broken_ ? 0 : -EAGAIN;
    }
    if (count > 1 && network.faults.strikes(Fault::short_read)) {
        count = 1 + network.faults.below(Fault::short_read, count - 1);
    }
    const bool is_slow = slow_until_ > network.timeline.present();
    if (is_slow) count = std::min(count, slow_read_bytes);
    std::memcpy(to.data(), received_.data() + received_from_, count);
    received_from_ += count;
    trim(received_, received_from_);
    if (peer != nullptr) peer->transmit();
    const auto longest = static_cast<std::uint64_t>(network.options.stall_max.count());
    if (network.faults.strikes(Fault::slow_reader)) {
        read_slowly(Duration(network.faults.below(Fault::slow_reader, longest)));
    }
    if (network.faults.strikes(Fault::stall)) {
        stall(Duration(network.faults.below(Fault::stall, longest)));
    } else if (is_slow) {
        stall(time_between_slow_reads);
    }
    return static_cast<int>(count);
}

std::uint32_t Socket::ready() const noexcept {
    std::uint32_t conditions = 0;
    switch (state) {
        case State::listening:
            return backlog.empty() ? 0 : POLLIN;
        case State::connecting:
            return 0;
        case State::fresh:
            return POLLOUT | POLLHUP;
        default:
            break;
    }
    bool pipe_ends = kind == Kind::pipe && peer_is_gone() && !end_wanted_;
    bool ended = end_received_ || reading_ended_ || broken_ || state == State::failed;
    if ((unread_bytes() != 0 || ended || error != 0) && !is_stalled()) conditions |= POLLIN;
    if (ended && !is_stalled()) conditions |= POLLRDHUP;
    bool can_write = kind != Kind::pipe || !end_wanted_;
    if (can_write && (room_to_send() != 0 || end_wanted_ || broken_ || error != 0 || pipe_ends)) conditions |= POLLOUT;
    if (error != 0 || pipe_ends) conditions |= POLLERR;
    if (broken_ || state == State::failed || (ended && end_wanted_) || (kind == Kind::unix_stream && peer_is_gone())) {
        conditions |= POLLHUP;
    }
    return conditions;
}

// ---- the end

int Socket::shutdown(int how) {
    if (state != State::connected || broken_) return -ENOTCONN;
    if (how != SHUT_WR) reading_ended_ = true;
    if (how != SHUT_RD) end_wanted_ = true;
    network.changed(*this);
    transmit();
    return 0;
}

void Socket::close(bool with_reset) {
    State before = std::exchange(state, State::closed);
    fd = -1;
    network.unbind(*this);
    for (const std::shared_ptr<Socket>& waiting : std::exchange(backlog, {})) waiting->close(true);
    if (peer == nullptr) return;
    // What arrives at once may part the two and leave either of them to nobody.
    std::shared_ptr<Socket> keep = shared_from_this();
    std::shared_ptr<Socket> keep_peer = peer;
    if (broken_) {
        part_if_over();
    } else if (with_reset || before == State::connecting || (unread_bytes() != 0 && kind != Kind::pipe)) {
        unsent_.clear();
        unsent_from_ = 0;
        end_sent_ = end_wanted_ = true;
        dispatch(Content::reset, {});
    } else {
        end_wanted_ = true;
        transmit();
        if (kind != Kind::tcp && peer != nullptr) network.changed(*peer);
    }
    received_.clear();
    received_from_ = 0;
    if (peer != nullptr) peer->transmit();
    part_if_over();
}

void Socket::receive_reset() {
    break_with(end_received_ ? EPIPE : ECONNRESET);
}

void Socket::break_with(int with) {
    if (std::exchange(broken_, true)) return;
    error = with;
    unsent_.clear();
    unsent_from_ = 0;
    in_flight_.clear();
    in_flight_bytes_ = 0;
    network.changed(*this);
    part_if_over();
}

bool Socket::is_over() const noexcept {
    return state == State::closed && (broken_ || (in_flight_.empty() && unsent_size() == 0));
}

// Two ends hold each other until neither can reach the other any more.
void Socket::part_if_over() {
    if (peer == nullptr || !is_over() || !peer->is_over()) return;
    std::shared_ptr<Socket> keep = std::exchange(peer, nullptr);
    std::shared_ptr<Socket> self = std::exchange(keep->peer, nullptr);
}

void Socket::happen(unsigned what) {
    switch (what) {
        case arrives:
            return deliver();
        case gives_up:
            if (network.timeline.present() - held_since_ >= network.options.retransmission_max) break_with(ETIMEDOUT);
            return;
        case asks_to_connect:
            return network.ask_to_connect(*this);
        case is_answered:
            return network.answer(*this);
        case stall_ends:
            return network.changed(*this);
        case cut_ends:
            return resume();
        case is_reset:
            return receive_reset();
        default:
            return;
    }
}

}  // namespace stepwise::sim
