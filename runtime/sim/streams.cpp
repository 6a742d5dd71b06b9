#include <stepwise/runtime/sim/streams.hpp>

#include <poll.h>

#include <cassert>
#include <cerrno>
#include <span>
#include <utility>

namespace stepwise::sim {

// While a target is called. It may throw: what is left then comes in the next turn.
struct Streams::Delivery {
    explicit Delivery(Stream& of) noexcept : stream(of) { stream.running = true; }
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

    Stream& stream;
};

Streams::Streams(World& world, ReactorHost& host, const void* reactor, std::size_t block_bytes)
    : world_(world), host_(host), reactor_(reactor), block_bytes_(block_bytes), block_(new char[block_bytes]) {
    assert(block_bytes != 0);
}

Streams::~Streams() {
    for (Stream& stream : streams_) {
        if (stream.has_target()) part(stream);
    }
}

void Streams::start(int fd, const std::shared_ptr<Socket>& socket, Receiver& receiver) {
    assert(receiver.receive_record == nullptr && "this receiver was started already");
    Stream& stream = acquire(socket);
    stream.run = &run_receive;
    stream.receiver = &receiver;
    receiver.receive_record = &stream;
    receiver.receive_fd = fd;
    advance(stream);
}

void Streams::start(int fd, const std::shared_ptr<Socket>& socket, Acceptor& acceptor) {
    assert(acceptor.accept_record == nullptr && "this acceptor was started already");
    Stream& stream = acquire(socket);
    stream.run = &run_accept;
    stream.acceptor = &acceptor;
    acceptor.accept_record = &stream;
    acceptor.accept_fd = fd;
    advance(stream);
}

void Streams::stop(void* record) noexcept {
    auto* stream = static_cast<Stream*>(record);
    if (stream == nullptr) return;
    part(*stream);
    release_if_done(*stream);
}

void Streams::pause(Receiver& receiver) noexcept {
    if (auto* stream = static_cast<Stream*>(receiver.receive_record)) stream->paused = true;
}

void Streams::resume(Receiver& receiver) noexcept {
    auto* stream = static_cast<Stream*>(receiver.receive_record);
    if (stream == nullptr) return;
    stream->paused = false;
    advance(*stream);
}

bool Streams::advance(Stream& stream) noexcept {
    // While it runs, its Delivery comes back here at the end.
    if (stream.queued || stream.running || stream.paused) return false;
    // A socket that was never connected has no bytes to come, and the attempt says so.
    if ((stream.socket->ready() & POLLIN) == 0 && stream.socket->state != Socket::State::fresh) return false;
    stream.queued = true;
    host_.push_ready(stream);
    return true;
}

void Streams::run_receive(ReadyNode& node) {
    auto& stream = static_cast<Stream&>(node);
    stream.queued = false;
    Delivery delivery(stream);
    if (stream.receiver != nullptr && !stream.paused) stream.owner->receive_once(stream);
}

// One read a turn, however much there is: the other connections come first.
void Streams::receive_once(Stream& stream) {
    Receiver& receiver = *stream.receiver;
    int count = stream.socket->recv(std::span(block_.get(), block_bytes_));
    if (count == -EAGAIN) return;
    if (count > 0) return receiver.received(std::span(block_.get(), static_cast<std::size_t>(count)));
    part(stream);
    receiver.receive_ended(-count);
}

void Streams::run_accept(ReadyNode& node) {
    auto& stream = static_cast<Stream&>(node);
    stream.queued = false;
    Delivery delivery(stream);
    stream.owner->accept_some(stream);
}

void Streams::accept_some(Stream& stream) {
    // `accepted` may stop the acceptor.
    for (int count = 0; count < Acceptor::accepts_per_turn_max && stream.acceptor != nullptr; ++count) {
        Acceptor& acceptor = *stream.acceptor;
        int result = world_.accept4(acceptor.accept_fd, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (result == -EAGAIN) return;
        if (result >= 0) {
            acceptor.accepted(result);
        } else {
            part(stream);
            acceptor.accept_failed(-result);
        }
    }
}

Stream& Streams::acquire(const std::shared_ptr<Socket>& socket) {
    Socket::Use& use = socket->use_of(reactor_);
    assert(use.stream == nullptr && "a descriptor has one receiver or one acceptor on a loop");
    Stream* stream = free_ != nullptr ? free_ : &streams_.emplace_back(*this);
    free_ = std::exchange(stream->next_free, nullptr);
    stream->socket = socket;
    stream->paused = false;
    stream->use = &use;
    use.stream = stream;
    ++started_;
    return *stream;
}

void Streams::part(Stream& stream) noexcept {
    if (stream.receiver != nullptr) {
        stream.receiver->receive_record = nullptr;
        stream.receiver->receive_fd = -1;
        stream.receiver = nullptr;
    } else {
        stream.acceptor->accept_record = nullptr;
        stream.acceptor->accept_fd = -1;
        stream.acceptor = nullptr;
    }
    std::exchange(stream.use, nullptr)->stream = nullptr;
    stream.socket.reset();
    --started_;
}

void Streams::release_if_done(Stream& stream) noexcept {
    if (stream.has_target() || stream.queued || stream.running) return;
    stream.next_free = free_;
    free_ = &stream;
}

}  // namespace stepwise::sim
