// What a transport does differently when its connection is TLS: bytes go through a session on their way.
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/transport.hpp>
#include <stepwise/runtime/errors.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <new>

namespace stepwise::net {

namespace {

// Encrypted ahead of the socket; the rest waits as plain bytes.
constexpr std::size_t encrypted_bytes_max = 64 * 1024;
// A handshake with a long chain of certificates, and answers to what was read: more nobody needs who reads.
constexpr std::size_t answered_bytes_max = 256 * 1024;

}  // namespace

struct Transport::Tls final : tls::Session::Output, frame_pool::Pooled {
    explicit Tls(std::unique_ptr<tls::Session> of) noexcept : session(std::move(of)) {}

    void send_to_wire(std::string_view bytes) override { net::append(outbox, bytes); }

    std::unique_ptr<tls::Session> session;
    Outbox outbox;
};

void Transport::EndTls::operator()(Tls* tls) const noexcept {
    delete tls;
}

void Transport::start_tls(std::shared_ptr<const tls::Context> context, std::string_view host) {
    auto session = std::make_unique<tls::Session>(std::move(context), host);
    resume_tls(std::move(session));
}

void Transport::resume_tls(std::unique_ptr<tls::Session> session) {
    assert(tls_ == nullptr && outbox_.empty());
    tls_.reset(new Tls(std::move(session)));
    tls_->session->start(*tls_);
    if (is_lost()) return;
    const bool is_limited = limits_.handshake_timeout != std::numeric_limits<std::int32_t>::max();
    if (is_in_handshake() && is_limited) {
        loop_.add_timer(*this, loop_.time() + std::chrono::milliseconds(limits_.handshake_timeout));
    }
    tls_has_moved();
}

std::unique_ptr<tls::Session> Transport::release_tls() noexcept {
    std::unique_ptr<Tls, EndTls> ending = std::move(tls_);
    return ending == nullptr ? nullptr : std::move(ending->session);
}

const tls::Session* Transport::tls() const noexcept {
    return tls_ == nullptr ? nullptr : tls_->session.get();
}

Outbox& Transport::encrypted() noexcept {
    return tls_->outbox;
}

std::size_t Transport::queued_with_tls() const noexcept {
    return outbox_.size() + tls_->outbox.size();
}

std::string Transport::why_lost() const {
    if (tls_ != nullptr && tls()->error()) return tls()->error()->message();
    return std::generic_category().message(error_);
}

void Transport::throw_lost() const {
    if (tls_ != nullptr && tls()->error()) tls()->error()->raise();
    throw_system_error(error_, "the connection is lost");
}

// ---- from the wire

void Transport::received_from_wire(std::string_view bytes) {
    tls::Session& session = *tls_->session;
    session.receive_data(bytes);
    std::array<char, tls::Session::record_bytes_max> plain;
    try {
        while (std::size_t count = session.read(plain)) {
            if (handler_ != nullptr) handler_->received({plain.data(), count});
            if (is_lost()) break;
        }
    } catch (...) {  // the bytes behind are lost, and with them the connection
        session.drop_input();
        fail(ECONNABORTED);
        throw;
    }
    session.drop_input();
    tls_has_moved();
    if (session.has_ended() && !end_received_ && !is_lost()) end_of_input();
}

std::size_t Transport::take_from_wire(std::string_view bytes, std::string& plain) {
    tls::Session& session = *tls_->session;
    if (tracer() != nullptr) [[unlikely]]
        trace::bytes(*tracer(), fd(), trace::Way::in, bytes.size());
    if (bytes.empty()) session.receive_eof();
    session.receive_data(bytes);
    const std::size_t before = plain.size();
    std::array<char, tls::Session::record_bytes_max> block;
    while (std::size_t count = session.read(block)) plain.append(block.data(), count);
    tls_has_moved();
    return plain.size() - before;
}

int Transport::error_of_end_of_wire() {
    tls_->session->receive_eof();
    return tls_->session->error() ? ECONNRESET : 0;
}

// The session has read: it may be established now, have answers to send, or have failed.
void Transport::tls_has_moved() noexcept {
    const tls::Session& session = *tls_->session;
    if (is_lost() || !socket_) return;
    if (tls_->outbox.size() > answered_bytes_max) tls_->session->fail(tls::Failure::limit_reached);
    if (session.error()) return fail_tls();
    if (session.is_established() && owned_) loop_.remove_timer(*this);
    const bool has_more = !tls_->outbox.empty() || (session.is_established() && (!outbox_.empty() || end_wanted_));
    if (has_more && !node_queued_ && !pending()) queue_flush();
}

void Transport::handshake_is_late() noexcept {
    tls_->session->fail(tls::Failure::timeout);
    fail_tls();
}

// The session has said why to the peer; that goes out if the socket takes it now.
void Transport::fail_tls() noexcept {
    std::array<iovec, 16> parts;
    const std::size_t count = tls_->outbox.gather(parts);
    if (!pending() && count != 0) {
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        static_cast<void>(loop_.reactor().send_now(fd(), message));
    }
    loop_.remove_timer(*this);
    const bool is_late = tls_->session->error()->failure == tls::Failure::timeout;
    fail(is_late ? ETIMEDOUT : EPROTO);
    if (!owned_) close_socket();
}

// ---- to the wire

// Of much at once, behind what is queued: how many of `bytes` were encrypted where they lie.
std::size_t Transport::encrypt_now(std::string_view bytes) noexcept {
    tls::Session& session = *tls_->session;
    const std::size_t queued = tls_->outbox.size();
    if (!session.is_established() || session.error() || !outbox_.empty() || queued >= encrypted_bytes_max) return 0;
    bytes = bytes.substr(0, encrypted_bytes_max - queued);
    try {
        session.write(bytes);
    } catch (const std::bad_alloc&) {
        fail(ENOMEM);
    }
    schedule_flush();
    return bytes.size();
}

void Transport::encrypt() noexcept {
    tls::Session& session = *tls_->session;
    if (!session.is_established() || session.error()) return;
    try {
        std::array<char, tls::Session::record_bytes_max> record;
        while (!outbox_.empty() && tls_->outbox.size() < encrypted_bytes_max && !session.error()) {
            // Small parts share a record: a head and its body are one packet.
            std::array<iovec, 16> parts;
            const std::size_t count = outbox_.gather(parts);
            std::string_view bytes(static_cast<const char*>(parts[0].iov_base), parts[0].iov_len);
            if (count > 1 && bytes.size() < record.size()) {
                std::size_t size = 0;
                for (std::size_t index = 0; index < count; ++index) {
                    const std::size_t taken = std::min(record.size() - size, parts[index].iov_len);
                    std::copy_n(static_cast<const char*>(parts[index].iov_base), taken, record.data() + size);
                    size += taken;
                }
                bytes = {record.data(), size};
            }
            bytes = bytes.substr(0, encrypted_bytes_max);
            session.write(bytes);
            outbox_.consume(bytes.size());
        }
        if (outbox_.empty() && end_wanted_) session.close();
    } catch (const std::bad_alloc&) {
        return fail(ENOMEM);
    }
    if (session.error()) fail_tls();
}

}  // namespace stepwise::net
