#include <stepwise/runtime/sim/network.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace stepwise::sim {

namespace {

// tcp_syn_retries (ip(7)): after 1 s, and each time twice as long, about two minutes in all.
constexpr int attempts_max = 6;

}  // namespace

Network::Network(const Options& with, Timeline& in, Faults& by, const SeededRandom& random) noexcept
    : options(with), timeline(in), faults(by), latencies_(random.branch(1)), choices_(random.branch(2)) {}

Network::~Network() {
    changed_.clear();
    // The ends hold each other: let go of them all, and only then of the last one.
    std::vector<std::shared_ptr<Socket>> peers;
    for (auto& [id, socket] : sockets_) {
        if (socket->peer != nullptr) peers.push_back(std::move(socket->peer));
        for (std::shared_ptr<Socket>& waiting : socket->backlog) peers.push_back(std::move(waiting));
        socket->backlog.clear();
    }
}

std::shared_ptr<Socket> Network::make(Socket::Kind kind, int family) {
    return std::make_shared<Socket>(*this, made_++, kind, family);
}

void Network::changed(Socket& socket) {
    const std::shared_ptr<Happening> observer = socket.observer.lock();
    if (socket.fd < 0 && observer == nullptr) return;
    if (observer != nullptr) {
        if (!std::exchange(socket.told_observer, true)) timeline.add(timeline.present(), observer, 0);
        return;
    }
    for (Socket::Use& use : socket.uses) {
        if (!std::exchange(use.told_changed, true)) changed_.push_back({socket.shared_from_this(), &use});
    }
}

namespace {

bool is_for(const Network::Changed& changed, const void* reactor) noexcept {
    return changed.use->reactor == nullptr || changed.use->reactor == reactor;
}

}  // namespace

std::vector<Network::Changed> Network::take_changed(const void* reactor) {
    std::vector<Changed> taken;
    for (const Changed& changed : changed_) {
        if (is_for(changed, reactor)) taken.push_back(changed);
    }
    std::erase_if(changed_, [reactor](const Changed& changed) { return is_for(changed, reactor); });
    return taken;
}

bool Network::has_changed(const void* reactor) const noexcept {
    return std::ranges::any_of(changed_, [reactor](const Changed& changed) { return is_for(changed, reactor); });
}

// ---- time on the way

Duration Network::latency() {
    if (at_once_) return Duration::zero();
    Span span = options.latency.value_or(Span{std::chrono::microseconds(20), std::chrono::microseconds(80)});
    double part = latencies_.fraction();
    const bool is_in_tail = options.latency_shape == LatencyShape::long_tail && part > 0.99;
    if (is_in_tail) {
        part = 1 + 99 * (part - 0.99) / 0.01;
    } else if (options.latency_shape != LatencyShape::uniform) {
        part = part * part * part;
    }
    return span.low + Duration(static_cast<std::int64_t>(part * static_cast<double>((span.high - span.low).count())));
}

std::size_t Network::piece_bytes_max() const noexcept {
    constexpr std::size_t least = 1024;
    constexpr std::size_t most = 64 * 1024;
    return options.bytes_per_second == 0 ? most : std::clamp<std::size_t>(options.bytes_per_second / 20, least, most);
}

TimePoint Network::arrival_of(std::size_t bytes, TimePoint& line_free) {
    TimePoint leaves = timeline.present();
    if (options.bytes_per_second != 0) {
        line_free = std::max(line_free, leaves) + Duration(static_cast<std::int64_t>(bytes) * 1'000'000'000 /
                                                           static_cast<std::int64_t>(options.bytes_per_second));
        leaves = line_free;
    }
    return leaves + latency();
}

// ---- addresses

bool Network::is_taken(const Endpoint& at, bool shares_port) const {
    for (const auto& [taken, sockets] : bound_) {
        if (taken.family() != at.family() || taken.port() != at.port()) continue;
        if (taken != at && (at.family() == AF_UNIX || (!taken.is_any_host() && !at.is_any_host()))) continue;
        bool all_share = std::ranges::all_of(sockets, [](const Socket* bound) { return bound->shares_port; });
        if (!shares_port || !all_share) return true;
    }
    return false;
}

std::uint16_t Network::free_port(Endpoint at) {
    for (;;) {
        next_port_ = next_port_ == UINT16_MAX ? std::uint16_t{32768} : static_cast<std::uint16_t>(next_port_ + 1);
        at.set_port(next_port_);
        if (!is_taken(at, false)) return next_port_;
    }
}

int Network::bind(Socket& socket, const Endpoint& wanted) {
    if (wanted.family() != socket.local.family()) return -EINVAL;
    if (socket.local.port() != 0 || socket.state != Socket::State::fresh) return -EINVAL;
    Endpoint at = wanted;
    if (at.family() != AF_UNIX && at.port() == 0) at.set_port(free_port(at));
    if (is_taken(at, socket.shares_port)) return -EADDRINUSE;
    socket.local = at;
    bound_[at].push_back(&socket);
    return 0;
}

int Network::listen(Socket& socket, int backlog) {
    if (socket.state != Socket::State::fresh && socket.state != Socket::State::listening) return -EINVAL;
    if (socket.local.family() != AF_UNIX && socket.local.port() == 0) {
        if (int failed = bind(socket, socket.local); failed != 0) return failed;
    }
    socket.state = Socket::State::listening;
    // The kernel takes one more than was asked for.
    socket.backlog_max = static_cast<std::size_t>(std::clamp(backlog, 0, 4096)) + 1;
    return 0;
}

void Network::unbind(Socket& socket) noexcept {
    auto found = bound_.find(socket.local);
    if (found == bound_.end()) return;
    std::erase(found->second, &socket);
    if (found->second.empty()) bound_.erase(found);
}

Socket* Network::find_listener(const Endpoint& at) {
    Endpoint any_six(AF_INET6);
    any_six.set_port(at.port());
    for (const Endpoint& candidate : {at, at.family() == AF_UNIX ? at : at.with_any_host(), any_six}) {
        auto found = bound_.find(candidate);
        if (found == bound_.end()) continue;
        std::vector<Socket*> listeners;
        for (Socket* bound : found->second) {
            if (bound->state == Socket::State::listening) listeners.push_back(bound);
        }
        if (listeners.size() == 1) return listeners.front();
        if (!listeners.empty()) return listeners[choices_.below(listeners.size())];
    }
    return nullptr;
}

Endpoint Network::first_listener() const {
    for (const auto& [id, socket] : sockets_) {
        if (socket->state == Socket::State::listening && socket->kind == Socket::Kind::tcp) return socket->local;
    }
    return Endpoint(AF_UNSPEC);
}

// ---- connections

int Network::connect(Socket& socket, const Endpoint& to) {
    if (socket.state == Socket::State::connecting) return -EALREADY;
    if (socket.state == Socket::State::connected) return -EISCONN;
    if (socket.state != Socket::State::fresh) return socket.error != 0 ? -socket.take_error() : -ECONNABORTED;
    if (to.family() != socket.local.family()) return -EAFNOSUPPORT;
    if (socket.kind == Socket::Kind::unix_stream) return connect_unix(socket, to);
    if (to.port() == 0) return -EADDRNOTAVAIL;
    const Endpoint loopback(to.family() == AF_INET ? "127.0.0.1" : "::1", 0);
    socket.remote = to.is_any_host() ? to.with_host_of(loopback) : to;
    if (socket.local.is_any_host()) socket.local = socket.local.with_host_of(loopback);
    if (socket.local.port() == 0) socket.local.set_port(free_port(socket.local));
    socket.state = Socket::State::connecting;
    if (at_once_) {
        ask_to_connect(socket);
    } else {
        timeline.add(timeline.present() + latency(), socket.shared_from_this(), Socket::asks_to_connect);
    }
    return -EINPROGRESS;
}

int Network::connect_unix(Socket& socket, const Endpoint& to) {
    Socket* listener = find_listener(to);
    if (listener == nullptr) return bound_.contains(to) ? -ECONNREFUSED : -ENOENT;
    if (listener->backlog.size() >= listener->backlog_max) return -EAGAIN;
    socket.remote = to;
    socket.state = Socket::State::connected;
    queue_connection(*listener, socket);
    return 0;
}

std::shared_ptr<Socket> Network::queue_connection(Socket& listener, Socket& from) {
    std::shared_ptr<Socket> accepted = make(listener.kind, listener.local.family());
    accepted->state = Socket::State::connected;
    accepted->local = from.remote;
    accepted->remote = from.local;
    accepted->send_buffer_bytes = listener.send_buffer_bytes;
    accepted->receive_buffer_bytes = listener.receive_buffer_bytes;
    Socket::join(from, *accepted);
    listener.backlog.push_back(accepted);
    changed(listener);
    return accepted;
}

void Network::ask_to_connect(Socket& socket) {
    if (socket.state != Socket::State::connecting) return;
    if (is_cut(socket)) return ask_again(socket);
    Socket* listener = find_listener(socket.remote);
    socket.refused = listener == nullptr || faults.strikes(Fault::refuse);
    if (!socket.refused) {
        // A listener that is full says nothing: the packet is lost.
        if (listener->backlog.size() >= listener->backlog_max) return ask_again(socket);
        queue_connection(*listener, socket);
    }
    if (at_once_) return answer(socket);
    timeline.add(timeline.present() + latency(), socket.shared_from_this(), Socket::is_answered);
}

void Network::ask_again(Socket& socket) {
    if (socket.attempts == attempts_max) {
        socket.state = Socket::State::failed;
        socket.error = ETIMEDOUT;
        return changed(socket);
    }
    Duration pause = std::chrono::seconds(1) * (1 << socket.attempts++);
    timeline.add(timeline.present() + pause, socket.shared_from_this(), Socket::asks_to_connect);
}

void Network::answer(Socket& socket) {
    if (socket.state != Socket::State::connecting) return;
    socket.state = socket.refused ? Socket::State::failed : Socket::State::connected;
    if (socket.refused) socket.error = ECONNREFUSED;
    changed(socket);
}

std::shared_ptr<Socket> Network::accept(Socket& listener, int& result) {
    result = listener.state == Socket::State::listening ? -EAGAIN : -EINVAL;
    if (result == -EINVAL || listener.backlog.empty()) return nullptr;
    if (faults.strikes(Fault::no_descriptors)) {
        result = -EMFILE;
    } else if (faults.strikes(Fault::accept_error)) {
        result = -ENOBUFS;
    } else {
        std::shared_ptr<Socket> accepted = std::move(listener.backlog.front());
        listener.backlog.pop_front();
        return accepted;
    }
    return nullptr;
}

std::string Network::describe() const {
    std::string text;
    for (const auto& [id, socket] : sockets_) {
        if (socket->state == Socket::State::listening) continue;
        text += fmt::format("{} {} -> {}: {} bytes not arrived, {} not read{}{}\n", id, socket->local.to_string(),
                            socket->remote.to_string(), socket->unacknowledged_bytes(), socket->unread_bytes(),
                            socket->is_broken() ? ", broken" : "",
                            socket->state == Socket::State::closed ? ", closed" : "");
    }
    return text;
}

// ---- cuts

bool Network::is_cut(const Socket& from) const {
    if (from.cut || from.cut_until > timeline.present()) return true;
    if (cut_ends_.empty()) return false;
    for (const Endpoint* end : {&from.local, &from.remote}) {
        if (cut_ends_.contains(end->to_string()) || cut_ends_.contains(end->host())) return true;
    }
    return false;
}

void Network::heal(const std::string& end) {
    cut_ends_.erase(end);
    for (auto& [id, socket] : sockets_) socket->resume();
}

}  // namespace stepwise::sim
