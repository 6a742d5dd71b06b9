#include <stepwise/runtime/reactor/attempt.hpp>
#include <stepwise/runtime/reactor/epoll_streams.hpp>

#include <sys/socket.h>

#include <cassert>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

namespace stepwise {

// While a target is called. It may throw: what is left then comes in the next turn.
struct EpollStreams::Delivery {
    explicit Delivery(EpollStream& of) noexcept : stream(of) { stream.running = true; }
    ~Delivery() {
        stream.running = false;
        if (stream.has_target()) {
            stream.owner->advance(stream);
        } else {
            stream.owner->release_if_done(stream);
        }
    }
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    EpollStream& stream;
};

EpollStreams::EpollStreams(EpollTable& table, ReactorHost& host, std::size_t block_bytes)
    : table_(table), host_(host), block_bytes_(block_bytes), block_(new char[block_bytes]) {
    assert(block_bytes != 0);
}

EpollStreams::~EpollStreams() {
    for (EpollStream& stream : streams_) {
        if (stream.has_target()) part(stream);
    }
}

void EpollStreams::start(int socket, Receiver& receiver) {
    assert(receiver.receive_record == nullptr && "this receiver was started already");
    EpollStream& stream = acquire(socket);
    stream.run = &run_receive;
    stream.receiver = &receiver;
    receiver.receive_record = &stream;
    receiver.receive_fd = socket;
    advance(stream);
}

void EpollStreams::start(int socket, Acceptor& acceptor) {
    assert(acceptor.accept_record == nullptr && "this acceptor was started already");
    EpollStream& stream = acquire(socket);
    stream.run = &run_accept;
    stream.acceptor = &acceptor;
    acceptor.accept_record = &stream;
    acceptor.accept_fd = socket;
    // Connections that came while nobody accepted make no new edge, but the bit remembers them.
    advance(stream);
}

void EpollStreams::stop(Receiver& receiver) noexcept {
    auto* stream = static_cast<EpollStream*>(receiver.receive_record);
    if (stream == nullptr) return;
    part(*stream);
    release_if_done(*stream);
}

void EpollStreams::stop(Acceptor& acceptor) noexcept {
    auto* stream = static_cast<EpollStream*>(acceptor.accept_record);
    if (stream == nullptr) return;
    part(*stream);
    release_if_done(*stream);
}

void EpollStreams::pause(Receiver& receiver) noexcept {
    if (auto* stream = static_cast<EpollStream*>(receiver.receive_record)) stream->paused = true;
}

void EpollStreams::resume(Receiver& receiver) noexcept {
    auto* stream = static_cast<EpollStream*>(receiver.receive_record);
    if (stream == nullptr) return;
    stream->paused = false;
    advance(*stream);
}

bool EpollStreams::advance(EpollStream& stream) noexcept {
    // While it runs, its Delivery comes back here at the end.
    if (stream.queued || stream.running || stream.paused || !table_.at(stream.fd).readable) return false;
    stream.queued = true;
    host_.push_ready(stream);
    return true;
}

void EpollStreams::run_receive(ReadyNode& node) {
    auto& stream = static_cast<EpollStream&>(node);
    stream.queued = false;
    Delivery delivery(stream);
    if (stream.receiver != nullptr && !stream.paused) stream.owner->receive_once(stream);
}

// One read a turn, however much there is: the other connections come first.
void EpollStreams::receive_once(EpollStream& stream) {
    Receiver& receiver = *stream.receiver;
    ssize_t count = ::recv(stream.fd, block_.get(), block_bytes_, MSG_DONTWAIT);
    if (count > 0) {
        auto bytes = static_cast<std::size_t>(count);
        table_.at(stream.fd).note_read(stream.fd, bytes, block_bytes_);
        receiver.received(std::span(block_.get(), bytes));
        return;
    }
    int error = count == 0 ? 0 : errno;
    if (error == EINTR) return;
    if (error == EAGAIN) {
        table_.at(stream.fd).readable = false;
        return;
    }
    part(stream);
    receiver.receive_ended(error);
}

void EpollStreams::run_accept(ReadyNode& node) {
    auto& stream = static_cast<EpollStream&>(node);
    stream.queued = false;
    Delivery delivery(stream);
    stream.owner->accept_some(stream);
}

void EpollStreams::accept_some(EpollStream& stream) {
    // `accepted` may stop the acceptor.
    for (int count = 0; count < Acceptor::accepts_per_turn_max && stream.acceptor != nullptr; ++count) {
        Acceptor& acceptor = *stream.acceptor;
        int result = accept_next(stream.fd);
        if (result >= 0) {
            acceptor.accepted(result);
        } else if (result == -EAGAIN) {
            table_.at(stream.fd).readable = false;
            return;
        } else {
            part(stream);
            acceptor.accept_failed(-result);
        }
    }
}

EpollStream& EpollStreams::acquire(int socket) {
    bool known = table_.knows(socket);
    int error = table_.watch(socket);
    if (error == 0 && table_.at(socket).kind == EpollEntry::Kind::file) error = EPERM;
    if (error != 0) throw std::system_error(error, std::generic_category(), "epoll_ctl");
    EpollEntry& entry = table_.at(socket);
    assert(entry.stream == nullptr && "a descriptor has one receiver or one acceptor");
    // The registration reports what is there already: no need to try.
    if (!known) entry.readable = false;
    EpollStream* stream = free_ != nullptr ? free_ : &streams_.emplace_back(*this);
    free_ = static_cast<EpollStream*>(std::exchange(stream->next, nullptr));
    stream->fd = socket;
    stream->paused = false;
    entry.stream = stream;
    ++started_;
    return *stream;
}

void EpollStreams::part(EpollStream& stream) noexcept {
    if (stream.receiver != nullptr) {
        stream.receiver->receive_record = nullptr;
        stream.receiver->receive_fd = -1;
        stream.receiver = nullptr;
    } else {
        stream.acceptor->accept_record = nullptr;
        stream.acceptor->accept_fd = -1;
        stream.acceptor = nullptr;
    }
    table_.at(stream.fd).stream = nullptr;
    --started_;
}

void EpollStreams::release_if_done(EpollStream& stream) noexcept {
    if (stream.has_target() || stream.queued || stream.running) return;
    stream.next = free_;
    free_ = &stream;
}

}  // namespace stepwise
