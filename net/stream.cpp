#include <poll.h>
#include <sys/socket.h>
#include <stepwise/net/backpressure.hpp>
#include <stepwise/net/connect.hpp>
#include <stepwise/net/stream.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stepwise::net {

namespace {

const TransportOptions stream_options;
constexpr std::size_t read_step_bytes = 4096;

}  // namespace

// The writing side, which must not move: the transport reports to it.
class Stream::Writer final : public TransportHandler {
public:
    Writer(EventLoop& loop, UniqueFd socket)
        : transport(Transport::make(loop, std::move(socket), this, stream_options)) {}

    void received(std::span<char>) override {}
    void received_end() override {}
    void connection_lost(int) override {
        wake();
        // Nothing else wakes a reader whose handshake is late.
        if (reading && transport->tls() != nullptr) calls::shutdown(transport->fd(), SHUT_RDWR);
    }
    void drained() override {
        unawaited_bytes = 0;
        wake();
    }

    void wake() {
        // Its task may have been cancelled, and with it the future.
        if (waiting && !waiting->done()) waiting->set_result();
    }

    // The descriptor that a read waits on must stay open: then only its connection ends, and the read with that.
    void abort() {
        if (reading) {
            abort_wanted = true;
            calls::shutdown(transport->fd(), SHUT_RDWR);
        } else {
            transport->abort();
        }
        wake();
    }

    void check_open() const {
        if (abort_wanted) throw_system_error(ECONNABORTED, "the connection is lost");
        if (transport->is_lost()) transport->throw_lost();
    }

    // Above the high water by as much again, and nobody has drained: the producer does not wait. Told once.
    void writes_above_high_water(std::size_t bytes) {
        unawaited_bytes += bytes;
        if (unawaited_bytes <= stream_options.write_high_water_bytes || unawaited_is_told) return;
        unawaited_is_told = true;
        report_no_backpressure(*transport, "the writer goes on and does not wait for its reader",
                               "co_await drain() behind write(…), or co_await write_all(…) instead of it");
    }

    std::size_t unawaited_bytes = 0;  // since it was full
    bool unawaited_is_told = false;
    std::optional<Future<void>> waiting;
    bool reading = false;
    bool abort_wanted = false;
    Transport::Owner transport;
};

// One read of the socket, in the reader's frame.
class Stream::Reading {
public:
    explicit Reading(Stream& stream) : writer_(*stream.writer_) {
        if (writer_.reading) throw std::logic_error("Stream: another task reads this stream already");
        // What a peer had sent can still be read when a write has failed.
        if (writer_.transport->fd() < 0) writer_.transport->throw_lost();
        writer_.reading = true;
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() {
        writer_.reading = false;
        if (writer_.abort_wanted) writer_.transport->abort();
    }

    int fd() const noexcept { return writer_.transport->fd(); }
    std::size_t arrived(std::size_t bytes) const {
        if (writer_.abort_wanted) writer_.check_open();
        return bytes;
    }

private:
    Writer& writer_;
};

Stream::Stream(EventLoop& loop, UniqueFd socket) : writer_(std::make_unique<Writer>(loop, std::move(socket))) {}
Stream::Stream(EventLoop& loop, Detached detached) : Stream(loop, std::move(detached.socket)) {
    kept_ = std::move(detached.kept);
    if (detached.tls != nullptr) writer_->transport->resume_tls(std::move(detached.tls));
}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Coro<Stream> Stream::connect(Address address) {
    UniqueFd socket = co_await connect_socket(address);
    co_return Stream(EventLoop::current(), std::move(socket));
}

Coro<Stream> Stream::connect(std::string host, std::uint16_t port) {
    UniqueFd socket = co_await connect_socket(std::move(host), port);
    co_return Stream(EventLoop::current(), std::move(socket));
}

Coro<Stream> Stream::connect_tls(std::string host, std::uint16_t port, std::shared_ptr<const tls::Context> context) {
    UniqueFd socket = co_await connect_socket(host, port);
    Stream stream(EventLoop::current(), std::move(socket));
    co_await stream.start_tls(std::move(context), std::move(host));
    co_return stream;
}

Coro<void> Stream::start_tls(std::shared_ptr<const tls::Context> context, std::string host) {
    Transport& transport = *writer_->transport;
    if (transport.tls() != nullptr) throw std::logic_error("Stream::start_tls: it is TLS already");
    co_await send_all("Stream::start_tls");
    transport.start_tls(std::move(context), host);
    // What the peer sent on the heels of the plain bytes belongs to the handshake, or is nothing that may be trusted.
    const std::string early = std::exchange(kept_, {});
    if (!early.empty()) transport.take_from_wire(early, kept_);
    while (!transport.tls()->is_established()) {
        writer_->check_open();
        static_cast<void>(co_await read_more_through_tls());
    }
    writer_->check_open();
}

const tls::Session* Stream::tls() const noexcept {
    return writer_->transport->tls();
}

// One recv's worth, decrypted behind what is kept: perhaps nothing yet. False at the peer's end.
Coro<bool> Stream::read_more_through_tls() {
    Reading reading(*this);
    Transport& transport = *writer_->transport;
    if (transport.is_lost()) transport.throw_lost();
    if (transport.tls()->has_ended()) co_return false;
    // The bytes are read when they are there, so that whoever waits holds no buffer for them.
    static_cast<void>(co_await io::poll(reading.fd(), POLLIN));
    static_cast<void>(reading.arrived(0));
    co_return take_from_wire();
}

bool Stream::take_from_wire() {
    Transport& transport = *writer_->transport;
    if (transport.is_lost()) transport.throw_lost();
    std::array<char, 2 * tls::Session::record_bytes_max> block;
    const ssize_t count = calls::recv(transport.fd(), block.data(), block.size());
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0) throw_system_error(errno, "recv");
    transport.take_from_wire({block.data(), static_cast<std::size_t>(count)}, kept_);
    if (kept_.empty() && transport.is_lost()) transport.throw_lost();
    return !kept_.empty() || !transport.tls()->has_ended();
}

Coro<std::size_t> Stream::read_some(std::span<char> buffer) {
    if (buffer.empty()) co_return 0;
    while (kept_.empty() && tls() != nullptr) {
        const bool more = co_await read_more_through_tls();
        if (!more) co_return 0;
    }
    if (!kept_.empty()) {
        std::size_t count = kept_.copy(buffer.data(), buffer.size());
        kept_.erase(0, count);
        co_return count;
    }
    Reading reading(*this);
    std::size_t count = co_await io::recv(reading.fd(), buffer);
    co_return reading.arrived(count);
}

Coro<bool> Stream::read_more(std::size_t bytes_wanted) {
    if (tls() != nullptr) {
        const bool more = co_await read_more_through_tls();
        co_return more;
    }
    Reading reading(*this);
    std::size_t before = kept_.size();
    kept_.resize(before + bytes_wanted);
    struct Trim {  // a cancelled or failed read leaves kept_ as it was
        std::string& kept;
        std::size_t size;
        ~Trim() { kept.resize(size); }
    } trim{kept_, before};
    std::size_t count = co_await io::recv(reading.fd(), std::span(kept_).subspan(before));
    trim.size += reading.arrived(count);
    co_return count != 0;
}

Coro<void> Stream::read_exactly(std::span<char> buffer) {
    if (buffer.empty()) co_return;
    struct Filling {  // what a read that comes to nothing had taken is kept for the next one
        std::string& kept;
        std::span<char> buffer;
        std::size_t filled;
        ~Filling() {
            if (filled < buffer.size()) kept.insert(0, buffer.data(), filled);
        }
    } filling{kept_, buffer, kept_.copy(buffer.data(), buffer.size())};
    kept_.erase(0, filling.filled);
    while (filling.filled < buffer.size()) {
        const std::size_t count = co_await read_some(buffer.subspan(filling.filled));
        if (count == 0) {
            throw EndOfStreamError(
                fmt::format("the peer ended the stream after {} of {} bytes", filling.filled, buffer.size()));
        }
        filling.filled += count;
    }
}

Coro<std::optional<std::string>> Stream::read_until(std::string delimiter, std::size_t bytes_max) {
    if (delimiter.empty()) throw std::invalid_argument("read_until needs a delimiter");
    std::size_t searched = 0;
    for (;;) {
        std::size_t found = kept_.find(delimiter, searched);
        if (found != std::string::npos && found + delimiter.size() <= bytes_max) {
            std::string line = kept_.substr(0, found + delimiter.size());
            kept_.erase(0, line.size());
            co_return line;
        }
        if (kept_.size() >= bytes_max) {
            throw LimitError(fmt::format("no delimiter within {} bytes (bytes_max of read_until)", bytes_max));
        }
        searched = kept_.size() - std::min(kept_.size(), planted("split_delimiter") ? 0 : delimiter.size() - 1);
        bool more = co_await read_more(std::min(read_step_bytes, bytes_max - kept_.size()));
        if (more) continue;
        if (kept_.empty()) co_return std::nullopt;
        throw EndOfStreamError(fmt::format("the peer ended the stream {} bytes into a line", kept_.size()));
    }
}

void Stream::write(std::string_view bytes) {
    writer_->check_open();
    if (bytes.empty()) return;
    Transport& transport = *writer_->transport;
    if (transport.is_full()) [[unlikely]]
        writer_->writes_above_high_water(bytes.size());
    std::memcpy(transport.prepare(bytes.size()), bytes.data(), bytes.size());
    transport.commit(bytes.size());
}

Coro<void> Stream::drain() {
    writer_->check_open();
    co_await wait_until_drained();
}

Coro<void> Stream::wait_until_drained() {
    Writer& writer = *writer_;
    writer.unawaited_bytes = 0;
    if (!writer.transport->is_full()) co_return;
    if (writer.waiting) throw std::logic_error("Stream::drain: another task drains this stream already");
    writer.waiting = writer.transport->loop().create_future<void>();
    struct StopWaiting {
        Writer& writer;
        ~StopWaiting() { writer.waiting.reset(); }
    } stop_waiting{writer};
    Future<void> waiting = *writer.waiting;
    co_await waiting;
    writer.check_open();
}

Coro<void> Stream::write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        std::string_view piece = bytes.substr(0, stream_options.write_high_water_bytes);
        write(piece);
        bytes.remove_prefix(piece.size());
        co_await drain();
    }
}

void Stream::check_unused(const char* caller) const {
    const std::string who = caller;
    if (writer_->reading) throw std::logic_error(who + ": another task reads this stream");
    if (writer_->waiting) throw std::logic_error(who + ": another task drains this stream");
}

Coro<void> Stream::send_all(const char* caller) {
    writer_->check_open();
    check_unused(caller);
    co_await wait_until_sent();
    check_unused(caller);
}

Coro<void> Stream::wait_until_sent() {
    Transport& transport = *writer_->transport;
    writer_->check_open();
    struct BackToNormal {
        Transport& transport;
        ~BackToNormal() { transport.set_options(stream_options); }
    } back_to_normal{transport};
    for (transport.flush(); transport.queued_bytes() != 0; transport.flush()) {
        transport.report_when_sent();
        co_await wait_until_drained();
    }
    writer_->check_open();  // the flush may have found out
}

Coro<Stream::Detached> Stream::detach() {
    co_await send_all("Stream::detach");
    Transport& transport = *writer_->transport;
    UniqueFd socket = transport.release();
    Detached detached(std::move(socket), std::move(kept_), transport.release_tls());
    kept_.clear();
    co_return detached;
}

Coro<void> Stream::send_file(File& file, std::uint64_t offset, std::uint64_t length) {
    writer_->check_open();
    if (writer_->waiting) throw std::logic_error("Stream::send_file: another task drains this stream");
    // It reads from the stream as it likes; it may not be moved.
    const AllIsSent all_is_sent = [this](Transport&) { return wait_until_sent(); };
    co_await net::send_file(*writer_->transport, file, offset, length, all_is_sent);
    writer_->check_open();
}

void Stream::write_end() {
    writer_->transport->write_end();
}
std::size_t Stream::queued_bytes() const noexcept {
    return writer_->transport->queued_bytes();
}
int Stream::fd() const noexcept {
    return writer_->transport->fd();
}
Address Stream::peer_address() const {
    return Address::of_peer(fd());
}
void Stream::set_nodelay(bool on) noexcept {
    net::set_nodelay(fd(), on);
}
void Stream::abort() noexcept {
    writer_->abort();
}

Coro<Stream> accept_from(int listening_socket) {
    io::Known known(listening_socket);
    UniqueFd socket = co_await io::accept(known.fd());
    co_return Stream(EventLoop::current(), std::move(socket));
}

}  // namespace stepwise::net
