// A transport whose connection is TLS, and a peer whose every byte is seen.
#include <stepwise/tests/net/tls_support.hpp>

#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/transport.hpp>

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <functional>

using namespace net_test;
using net::Transport;
using tls::Failure;

namespace {

struct Recorder final : net::TransportHandler {
    void received(std::span<char> bytes) override {
        got.append(bytes.data(), bytes.size());
        if (on_received) on_received();
    }
    void received_end() override { ++ends; }
    void connection_lost(int error) override { losses.push_back(error); }
    void drained() override { ++drains; }

    std::string got;
    int ends = 0;
    int drains = 0;
    std::vector<int> losses;
    std::function<void()> on_received;
};

// The transport is the server; the test is its client.
struct Scene : World {
    explicit Scene(net::TransportOptions options = {}) : Scene(tcp_pair(), options) {}
    Scene(Pair pair, net::TransportOptions options)
        : peer(*this, std::move(pair.theirs)),
          transport(Transport::make(loop(), std::move(pair.ours), &handler, options)) {
        transport->start_tls(server_context());
        transport->start_receiving();
    }
    ~Scene() {
        if (transport) transport->abort();
    }

    void write(std::string_view bytes) { net::append(*transport, bytes); }
    TlsPeer client() { return TlsPeer(*this, std::move(peer)); }
    Failure failure() const {
        REQUIRE(transport->tls()->error());
        return transport->tls()->error()->failure;
    }

    Recorder handler;
    Peer peer;
    Transport::Owner transport;
};

constexpr std::size_t mebibyte = 1024 * 1024;

}  // namespace

TEST_CASE("what was written before the handshake waits for it, and nothing is plain on the wire") {
    Scene scene;
    scene.write("a secret");
    scene.settle();
    CHECK(scene.transport->queued_bytes() == 8);
    TlsPeer client(scene, std::move(scene.peer));
    client.shake_hands();
    REQUIRE(client.session->is_established());
    CHECK(client.read(8) == "a secret");
    client.send("an answer");
    scene.run_until([&] { return scene.handler.got.size() == 9; });
    CHECK(scene.handler.got == "an answer");
    CHECK(scene.transport->queued_bytes() == 0);
    CHECK(scene.transport->tls()->version() == "TLSv1.3");
}

TEST_CASE("a transport is a client, too, and refuses a server that it does not trust") {
    World world;
    Pair pair = tcp_pair();
    Recorder handler;
    Transport::Owner transport = Transport::make(world.loop(), std::move(pair.ours), &handler, {});
    std::string_view host = "localhost";
    SUBCASE("trusted") {}
    SUBCASE("another host") {
        host = "example.com";
    }
    transport->start_tls(client_context(), host);
    net::append(*transport, "for the right one only");
    transport->start_receiving();
    TlsPeer server(world, Peer(world, std::move(pair.theirs)), server_context(), "");
    server.shake_hands();
    if (host == "localhost") {
        CHECK(server.read(22) == "for the right one only");
        CHECK(handler.losses.empty());
    } else {
        CHECK(server.read_to_end() == "");
        world.run_until([&] { return !handler.losses.empty(); });
        CHECK(handler.losses == std::vector{EPROTO});
        CHECK(transport->why_lost() ==
              "TLS with example.com (hostname mismatch): the certificate is not for this host");
        CHECK(server.session->error()->failure == Failure::refused_by_peer);
    }
    transport->abort();
}

TEST_CASE("much goes through in both directions, also when it comes byte by byte") {
    Scene scene;
    TlsPeer client(scene, std::move(scene.peer));
    client.shake_hands();
    const std::string much = pattern(3 * mebibyte);
    scene.write(much);
    CHECK(client.read(much.size()) == much);
    client.session->write("one byte at a time");
    for (const char byte : std::exchange(client.unsent, {})) {
        client.wire.send({&byte, 1});
        scene.turns(2);
    }
    scene.run_until([&] { return scene.handler.got.size() == 18; });
    CHECK(scene.handler.got == "one byte at a time");
}

TEST_CASE("pieces of all sizes arrive in their order, whether they are copied or encrypted where they lie") {
    Scene scene;
    TlsPeer client(scene, std::move(scene.peer));
    const std::string bytes = pattern(mebibyte);
    std::size_t at = 0;
    const auto write = [&](std::size_t size) {
        scene.write(bytes.substr(at, size));
        at += std::min(size, bytes.size() - at);
    };
    write(100);
    write(20'000);  // before the handshake
    client.shake_hands();
    for (const std::size_t size : {1, 9'000, 10, 70'000, 100, 200'000, 8'193, 64 * 1024, 3, 300'000}) {
        write(size);
        if (size % 2 == 0) scene.turns(1);
    }
    write(bytes.size());
    CHECK((client.read(bytes.size()) == bytes));
}

TEST_CASE("a peer that does not read fills the outbox, and not the memory of encrypted bytes") {
    net::TransportOptions options;
    options.write_high_water_bytes = 32 * 1024;
    options.write_low_water_bytes = 8 * 1024;
    Pair pair = tcp_pair();
    limit_send_buffer(pair.ours.get());
    Scene scene(std::move(pair), options);
    TlsPeer client(scene, std::move(scene.peer));
    client.shake_hands();
    const std::string much = pattern(6 * mebibyte);
    scene.write(much);
    scene.settle();
    CHECK(scene.transport->is_full());
    CHECK(scene.transport->queued_bytes() > options.write_high_water_bytes);
    CHECK(scene.transport->queued_bytes() < much.size() + 256 * 1024);
    CHECK(client.read(much.size()) == much);
    scene.settle();
    CHECK(scene.handler.drains == 1);
    CHECK_FALSE(scene.transport->is_full());
    CHECK(scene.transport->queued_bytes() == 0);
}

TEST_CASE("reading stops while it is paused, and goes on where it stopped") {
    Scene scene;
    TlsPeer client(scene, std::move(scene.peer));
    client.shake_hands();
    scene.settle();
    scene.handler.on_received = [&] { scene.transport->pause_receiving(); };
    const std::string much = pattern(4 * mebibyte);
    client.session->write(much);
    for (int round = 0; round < 20; ++round) {
        client.receive();
        scene.settle();
    }
    CHECK(scene.handler.got.size() < mebibyte);  // one block, with the records that lay in it
    scene.handler.on_received = nullptr;
    scene.transport->resume_receiving();
    scene.run_until([&] {
        client.receive();
        return scene.handler.got.size() == much.size();
    });
    CHECK(scene.handler.got == much);
}

TEST_CASE("close_notify is the peer's end, and an end without it is none") {
    Scene scene;
    TlsPeer client(scene, std::move(scene.peer));
    client.shake_hands();
    client.send("all");
    SUBCASE("in order") {
        client.close();
        scene.run_until([&] { return scene.handler.ends == 1; });
        scene.write("still open this way");
        CHECK(client.read(19) == "still open this way");
        client.wire.end_writing();
        scene.settle();
        CHECK(scene.handler.ends == 1);
        CHECK(scene.handler.losses.empty());
    }
    SUBCASE("cut") {
        client.wire.end_writing();
        scene.run_until([&] { return !scene.handler.losses.empty(); });
        CHECK(scene.handler.losses == std::vector{ECONNRESET});
        CHECK(scene.failure() == Failure::truncated);
        CHECK(scene.handler.ends == 0);
    }
    CHECK(scene.handler.got == "all");
}

TEST_CASE("letting go sends what was written, then close_notify, then the end") {
    Scene scene;
    TlsPeer client(scene, std::move(scene.peer));
    const std::string much = pattern(mebibyte);
    SUBCASE("of a connection that is established") {
        client.shake_hands();
    }
    SUBCASE("of one whose handshake is still to come") {}
    scene.write(much);
    scene.transport.reset();
    CHECK(client.read_to_end() == much);
    CHECK(client.session->has_ended());
    CHECK(client.wire.read_to_end() == "");
    CHECK(client.wire.end() == 0);
}

TEST_CASE("letting go of a handshake for which nothing waits closes at once") {
    Scene scene;
    scene.settle();
    scene.transport.reset();
    scene.run_until([&] { return scene.peer.is_ended_now(); });
    CHECK(scene.clock.now() == scene.loop().time());
}

TEST_CASE("a handshake that does not come to its end in time is over") {
    Scene scene;
    SUBCASE("nothing came") {}
    SUBCASE("a part of it came") {
        scene.peer.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));
    }
    scene.pass(9s);
    CHECK(scene.handler.losses.empty());
    scene.pass(2s);
    CHECK(scene.handler.losses == std::vector{ETIMEDOUT});
    CHECK(scene.transport->why_lost() == "TLS: no handshake within handshake_timeout");
}

TEST_CASE("one that came in time is not watched any more") {
    Scene scene;
    TlsPeer client(scene, std::move(scene.peer));
    client.shake_hands();
    scene.settle();
    scene.pass(60s);
    CHECK(scene.handler.losses.empty());
}

TEST_CASE("a peer that speaks plain HTTP is told so by an alert, and the transport knows why") {
    Scene scene;
    scene.peer.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    scene.run_until([&] { return !scene.handler.losses.empty(); });
    CHECK(scene.handler.losses == std::vector{EPROTO});
    CHECK(scene.transport->why_lost() == "TLS (http request): the peer does not speak TLS");
    CHECK(scene.handler.got == "");
}

TEST_CASE("a handshake that ends early is lost, wherever it ends") {
    std::string hello;
    {
        Scene scene;
        TlsPeer client(scene, std::move(scene.peer));
        hello = client.unsent;
    }
    for (std::size_t length = 0; length < hello.size(); length += 7) {
        CAPTURE(length);
        Scene scene;
        scene.peer.send(hello.substr(0, length));
        scene.settle();
        if (length % 2 == 0) {
            scene.peer.end_writing();
            scene.run_until([&] { return !scene.handler.losses.empty(); });
            CHECK(scene.failure() == Failure::ended_in_handshake);
        } else {
            scene.peer.reset();
            scene.run_until([&] { return !scene.handler.losses.empty(); });
        }
        CHECK(scene.handler.losses == std::vector{ECONNRESET});
    }
}

TEST_CASE("the handler may abort in the middle of what came") {
    Scene scene;
    TlsPeer client(scene, std::move(scene.peer));
    client.shake_hands();
    client.session->write("first");
    client.session->write("second");
    SUBCASE("abort") {
        scene.handler.on_received = [&] { scene.transport->abort(); };
    }
    SUBCASE("let go") {
        scene.handler.on_received = [&] { scene.transport.reset(); };
    }
    client.receive();
    scene.settle();
    CHECK(scene.handler.got == "first");
}

TEST_CASE("a peer that asks for answers without end, and reads none, is cut off") {
    Pair pair = tcp_pair();
    limit_send_buffer(pair.ours.get());
    Scene scene(std::move(pair), {});
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL* ssl = SSL_new(context);
    SSL_set_connect_state(ssl);
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    const auto send_all = [&] {
        std::string bytes(BIO_ctrl_pending(out), '\0');
        if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
        return bytes;
    };
    scene.run_until([&] {
        const int outcome = SSL_do_handshake(ssl);
        scene.peer.send(send_all());
        const std::string bytes = scene.peer.read_now();
        if (!bytes.empty()) BIO_write(in, bytes.data(), static_cast<int>(bytes.size()));
        return outcome == 1;
    });
    scene.run_until([&] { return scene.transport->tls()->is_established(); });
    // Each asks for an answer of the same size.
    scene.run_until([&] {
        for (int count = 0; count < 500; ++count) {
            SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
            SSL_do_handshake(ssl);
        }
        const std::string bytes = send_all();
        try {
            for (std::string_view rest = bytes; !rest.empty() && scene.handler.losses.empty();) {
                rest.remove_prefix(scene.peer.try_send(rest));
                scene.turns(1);
            }
        } catch (const std::system_error&) {
        }
        CHECK(scene.transport->queued_bytes() < mebibyte);
        return !scene.handler.losses.empty();
    });
    CHECK(scene.failure() == Failure::limit_reached);
    SSL_free(ssl);
    SSL_CTX_free(context);
}
