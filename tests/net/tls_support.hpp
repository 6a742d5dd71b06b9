// What the tests of TLS on a loop share: an authority for all of them, and a client made of a session and a raw socket,
// so that both the plain bytes and those of the wire are seen.
#pragma once

#include <stepwise/tests/net/support.hpp>
#include <stepwise/tests/net/tls/certificates.hpp>

#include <stepwise/net/tls/session.hpp>

namespace net_test {

using tls_test::Authority;
using tls_test::Identity;
using TlsContext = std::shared_ptr<const tls::Context>;

inline Authority& authority() {
    static Authority instance;
    return instance;
}
inline TlsContext server_context() {
    static const TlsContext instance = authority().server();
    return instance;
}
inline TlsContext client_context() {
    static const TlsContext instance = authority().client();
    return instance;
}

// The other end of a connection, of either role.
class TlsPeer final : tls::Session::Output {
public:
    TlsPeer(World& world, Peer peer, TlsContext context = client_context(), std::string_view host = "localhost")
        : world_(&world), wire(std::move(peer)), session(std::make_unique<tls::Session>(std::move(context), host)) {
        session->start(*this);
    }
    TlsPeer(const TlsPeer&) = delete;

    void shake_hands() {
        world_->run_until([&] {
            receive();
            return session->is_established() || session->error() || wire.ended();
        });
    }
    void send(std::string_view plain) {
        session->write(plain);
        flush();
    }
    // What has come until now.
    void receive() {
        flush();
        const std::string bytes = wire.read_now();
        session->receive_data(bytes);
        std::array<char, 4096> plain;
        while (std::size_t count = session->read(plain)) got.append(plain.data(), count);
        if (wire.ended() && wire.end() == 0) session->receive_eof();
        flush();
    }
    std::string read(std::size_t count) {
        world_->run_until([&] {
            receive();
            return got.size() >= count || session->error() || session->has_ended() || wire.ended();
        });
        std::string taken = got.substr(0, count);
        got.erase(0, taken.size());
        return taken;
    }
    // Plain bytes to the end, which is close_notify or worse.
    std::string read_to_end() {
        world_->run_until([&] {
            receive();
            return session->error() || session->has_ended() || wire.ended();
        });
        return std::exchange(got, {});
    }
    void close() {
        session->close();
        flush();
    }

    // What the session said, and the kernel has not taken yet.
    std::string unsent;
    std::string got;

private:
    void send_to_wire(std::string_view bytes) override { unsent += bytes; }
    void flush() {
        if (!unsent.empty() && !wire.ended()) unsent.erase(0, wire.try_send(unsent));
    }

    World* world_;

public:
    Peer wire;
    std::unique_ptr<tls::Session> session;
};

}  // namespace net_test
