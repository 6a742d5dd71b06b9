#include <stepwise/tests/net/support.hpp>

#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/transport.hpp>

#include <doctest/doctest.h>

#include <functional>

using namespace net_test;
using net::Transport;

namespace {

// What a transport tells, and what the test does about it.
struct Recorder final : net::TransportHandler {
    void received(std::span<char> bytes) override {
        received_bytes.append(bytes.data(), bytes.size());
        ++calls;
        if (on_received) on_received();
    }
    void received_end() override {
        ++calls;
        ++ends;
        if (on_end) on_end();
    }
    void connection_lost(int error) override {
        ++calls;
        losses.push_back(error);
        if (on_lost) on_lost();
    }
    void drained() override {
        ++calls;
        ++drains;
        if (on_drained) on_drained();
    }

    std::string received_bytes;
    int calls = 0;
    int ends = 0;
    int drains = 0;
    std::vector<int> losses;
    std::function<void()> on_received, on_end, on_lost, on_drained;
};

struct Scene {
    explicit Scene(Pair pair, net::TransportOptions options = {})
        : peer(world, std::move(pair.theirs)),
          transport(Transport::make(world.loop(), std::move(pair.ours), &handler, options)) {}

    void write(std::string_view bytes) { net::append(*transport, bytes); }

    World world;
    Recorder handler;
    Peer peer;
    Transport::Owner transport;
};

constexpr std::size_t mebibyte = 1024 * 1024;

}  // namespace

// ---- writing

TEST_CASE("what is written within one turn goes out in one send") {
    Scene scene(unix_pair(SOCK_SEQPACKET));
    scene.world.loop().call_soon([&] {
        scene.write("one ");
        scene.write("two ");
        scene.world.loop().call_soon([&] { scene.write("of the next turn"); });
    });
    scene.world.loop().call_soon([&] {
        scene.write("three ");
        scene.transport->write(net::SharedBytes(std::string(2000, 's')));
        scene.write("four");
    });
    scene.world.settle();
    CHECK(scene.peer.read_now() == "one two three " + std::string(2000, 's') + "four");
    CHECK(scene.peer.read_now() == "of the next turn");
}

TEST_CASE("a flush sends what is corked before the turn's end") {
    Scene scene(unix_pair(SOCK_SEQPACKET));
    scene.world.loop().call_soon([&] {
        scene.write("now");
        scene.transport->flush();
        scene.write("later");
    });
    scene.world.settle();
    CHECK(scene.peer.read_now() == "now");
    CHECK(scene.peer.read_now() == "later");
}

TEST_CASE("much at once is sent at once, behind what is corked") {
    Scene scene(unix_pair(SOCK_SEQPACKET));
    const std::string much(net::copied_bytes_max + 1, 'm');
    scene.world.loop().call_soon([&] {
        scene.write("head ");
        scene.write(much);
        CHECK(scene.transport->queued_bytes() == 0);
        scene.write("tail");
    });
    scene.world.settle();
    CHECK(scene.peer.read_now() == "head " + much);
    CHECK(scene.peer.read_now() == "tail");
}

TEST_CASE("much goes out in parts, whole and in order, and drained is told once") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    std::string bytes = pattern(mebibyte);
    std::size_t queued_when_drained = mebibyte;
    scene.handler.on_drained = [&] { queued_when_drained = scene.transport->queued_bytes(); };
    scene.write(bytes);
    CHECK(scene.transport->is_full());
    scene.world.settle();
    CHECK(scene.transport->is_full());
    CHECK(scene.handler.drains == 0);
    CHECK(scene.transport->queued_bytes() > mebibyte / 2);
    CHECK(scene.peer.read(mebibyte) == bytes);
    scene.world.settle();
    CHECK(scene.handler.drains == 1);
    CHECK(queued_when_drained <= net::TransportOptions().write_low_water_bytes);
    CHECK_FALSE(scene.transport->is_full());
    CHECK(scene.transport->queued_bytes() == 0);
}

TEST_CASE("a hundred shared pieces and small writes between them arrive in order") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    std::string expected;
    for (unsigned piece = 0; piece < 100; ++piece) {
        std::string shared = pattern(3000, piece);
        scene.transport->write(net::SharedBytes(shared));
        scene.write("-" + std::to_string(piece) + "-");
        expected += shared + "-" + std::to_string(piece) + "-";
    }
    CHECK(scene.peer.read(expected.size()) == expected);
}

TEST_CASE("what is written while a send is in flight follows it") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    std::string first = pattern(200'000);
    scene.write(first);
    scene.world.settle();
    scene.write("second");
    scene.world.settle();
    scene.transport->write(net::SharedBytes(std::string(1000, '3')));
    CHECK(scene.peer.read(first.size() + 1006) == first + "second" + std::string(1000, '3'));
}

TEST_CASE("writes of a handler that was told drained are sent") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    scene.handler.on_drained = [&] {
        if (scene.handler.drains == 1) scene.write(std::string(100'000, 'b'));
    };
    scene.write(std::string(100'000, 'a'));
    CHECK(scene.peer.read(200'000) == std::string(100'000, 'a') + std::string(100'000, 'b'));
    scene.world.settle();
    CHECK(scene.handler.drains == 2);
}

// ---- receiving

TEST_CASE("bytes and the peer's end are told, and our side stays open") {
    Scene scene(tcp_pair());
    scene.transport->start_receiving();
    scene.peer.send("hello");
    scene.peer.end_writing();
    scene.world.run_until([&] { return scene.handler.ends == 1; });
    CHECK(scene.handler.received_bytes == "hello");
    scene.write("still here");
    CHECK(scene.peer.read(10) == "still here");
    scene.transport->write_end();
    CHECK(scene.peer.read_to_end() == "");
    CHECK(scene.peer.end() == 0);
    CHECK(scene.handler.losses.empty());
}

TEST_CASE("after write_end the peer reads the end behind all that was written, and may still write") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    scene.transport->start_receiving();
    std::string bytes = pattern(300'000);
    scene.write(bytes);
    scene.transport->write_end();
    CHECK(scene.peer.read_to_end() == bytes);
    scene.peer.send("an answer");
    scene.world.run_until([&] { return scene.handler.received_bytes == "an answer"; });
    CHECK(scene.handler.losses.empty());
}

TEST_CASE("while receiving is paused nothing comes, and nothing is lost") {
    Scene scene(unix_pair());
    scene.transport->start_receiving();
    scene.peer.send("one");
    scene.world.run_until([&] { return !scene.handler.received_bytes.empty(); });
    scene.transport->pause_receiving();
    scene.world.settle();
    std::string before = scene.handler.received_bytes;
    std::string more = pattern(50'000);
    scene.peer.try_send(more.substr(0, 20'000));
    scene.world.settle();
    CHECK(scene.handler.received_bytes == before);
    scene.transport->resume_receiving();
    scene.peer.send(more.substr(20'000));
    scene.peer.end_writing();
    scene.world.run_until([&] { return scene.handler.ends == 1; });
    CHECK(scene.handler.received_bytes == "one" + more);
}

TEST_CASE("a pause within received holds back the rest and the end") {
    Scene scene(tcp_pair());
    scene.handler.on_received = [&] { scene.transport->pause_receiving(); };
    scene.transport->start_receiving();
    std::string bytes = pattern(100'000);
    scene.peer.send(bytes.substr(0, 10'000));
    scene.world.settle();
    int calls = scene.handler.calls;
    CHECK(calls >= 1);
    CHECK(calls <= 3);
    scene.handler.on_received = nullptr;
    scene.transport->resume_receiving();
    scene.peer.send(bytes.substr(10'000));
    scene.peer.close();
    scene.world.run_until([&] { return scene.handler.ends == 1; });
    CHECK(scene.handler.received_bytes == bytes);
}

// ---- loss

TEST_CASE("a reset is told once, with its error, and nothing comes after") {
    Scene scene(tcp_pair());
    scene.transport->start_receiving();
    scene.peer.reset();
    scene.world.run_until([&] { return !scene.handler.losses.empty(); });
    CHECK(scene.handler.losses == std::vector<int>{ECONNRESET});
    CHECK(scene.transport->is_lost());
    scene.write("to nobody");
    scene.world.settle();
    CHECK(scene.handler.calls == 1);
    CHECK(scene.transport->queued_bytes() == 0);
}

TEST_CASE("a send to a peer that is gone is told as a loss, in a handle of its own") {
    Scene scene(unix_pair());
    scene.peer.close();
    scene.world.loop().call_soon([&] {
        scene.write("to nobody");
        scene.transport->flush();
        CHECK(scene.handler.calls == 0);
    });
    scene.world.run_until([&] { return !scene.handler.losses.empty(); });
    CHECK(scene.handler.losses == std::vector<int>{EPIPE});
    scene.world.settle();
    CHECK(scene.handler.calls == 1);
}

TEST_CASE("after connection_lost nothing is received, even if the peer had sent it") {
    Scene scene(unix_pair());
    scene.transport->start_receiving();
    scene.world.settle();
    scene.transport->pause_receiving();
    scene.world.settle();
    scene.peer.send("last words");
    scene.peer.close();
    scene.write("to nobody");
    scene.world.run_until([&] { return !scene.handler.losses.empty(); });
    scene.transport->resume_receiving();
    scene.world.settle();
    CHECK(scene.handler.calls == 1);
}

TEST_CASE("a reset while much is queued frees it") {
    Scene scene(tcp_pair());
    limit_send_buffer(scene.transport->fd());
    scene.write(std::string(8 * mebibyte, 'q'));
    scene.world.settle();
    CHECK(scene.transport->queued_bytes() > mebibyte);
    scene.peer.reset();
    scene.world.run_until([&] { return !scene.handler.losses.empty(); });
    CHECK(scene.transport->queued_bytes() == 0);
    CHECK_FALSE(scene.transport->is_full());
    scene.world.settle();
    CHECK(scene.handler.losses.size() == 1);
    CHECK(scene.handler.drains == 0);
}

TEST_CASE("a reset found by the receiving side leaves a send alone that the kernel still has") {
    Scene scene(tcp_pair());
    limit_send_buffer(scene.transport->fd());
    scene.transport->start_receiving();
    scene.write(std::string(4 * mebibyte, 'q'));
    scene.transport->write(net::SharedBytes(std::string(mebibyte, 's')));
    scene.world.settle();
    scene.handler.on_lost = [&] { scene.write(std::string(1000, 'n')); };
    scene.peer.reset();
    scene.world.run_until([&] { return !scene.handler.losses.empty(); });
    scene.world.settle();
    CHECK(scene.handler.losses.size() == 1);
    CHECK(scene.transport->queued_bytes() == 0);
    CHECK_FALSE(scene.transport->is_full());
}

TEST_CASE("drained is told even if a flush found it while more was corked") {
    Scene scene(unix_pair());
    scene.world.loop().call_soon([&] {
        for (int piece = 0; piece < 20; ++piece) scene.write(std::string(5000, 'f'));
        CHECK(scene.transport->is_full());
        scene.transport->flush();
        scene.write("corked behind it");
    });
    CHECK(scene.peer.read(100'016).size() == 100'016);
    scene.world.settle();
    CHECK(scene.handler.drains == 1);
    CHECK_FALSE(scene.transport->is_full());
}

// ---- the end

TEST_CASE("a transport that is let go sends what was written, then ends") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    std::string bytes = pattern(mebibyte);
    scene.write(bytes);
    scene.transport.reset();
    CHECK(scene.peer.read_to_end() == bytes);
    CHECK(scene.peer.end() == 0);
    CHECK(scene.handler.calls == 0);
}

TEST_CASE("the last bytes survive a client that keeps sending") {
    Scene scene(tcp_pair());
    scene.transport->start_receiving();
    scene.peer.send(pattern(100'000));
    scene.world.run_until([&] { return !scene.handler.received_bytes.empty(); });
    scene.write("go away");
    scene.transport.reset();
    for (int round = 0; round < 20; ++round) {
        scene.peer.try_send(pattern(100'000));
        scene.world.turns(5);
    }
    CHECK(scene.peer.read(7) == "go away");
    CHECK(scene.peer.read_to_end() == "");
    CHECK(scene.peer.end() == 0);
}

TEST_CASE("it lingers until the peer ends, or linger_timeout has passed") {
    Scene scene(tcp_pair());
    scene.write("bye");
    scene.transport.reset();
    CHECK(scene.peer.read_to_end() == "bye");
    scene.world.clock.advance(1900ms);
    scene.world.settle();
    scene.peer.send("are you there?");
    scene.world.settle();
    scene.peer.send("yes");  // no reset has come
    scene.world.settle();
    SUBCASE("the peer ends") {
        scene.peer.end_writing();
        scene.world.settle();
        CHECK(scene.world.lost.empty());
    }
    SUBCASE("time passes") {
        scene.world.clock.advance(200ms);
        scene.world.settle();
        CHECK_THROWS_AS(for (int tries = 0; tries < 3; ++tries) scene.peer.send("nobody"), std::system_error);
    }
}

TEST_CASE("a peer that does not read the last bytes is given up after linger_timeout without progress") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    scene.write(pattern(mebibyte));
    scene.world.settle();
    scene.transport.reset();
    for (int second = 0; second < 5; ++second) {
        scene.peer.read(20'000);
        scene.world.clock.advance(1500ms);
        scene.world.settle();
    }
    CHECK_FALSE(scene.peer.is_ended_now());
    scene.world.settle();
    scene.world.clock.advance(2100ms);
    scene.world.settle();
    CHECK(scene.peer.read_to_end().size() < mebibyte / 2);
}

TEST_CASE("abort closes at once, drops what is queued, and calls nobody") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    scene.transport->start_receiving();
    scene.write(pattern(mebibyte));
    scene.world.settle();
    scene.transport->abort();
    CHECK(scene.transport->is_lost());
    scene.world.settle();
    CHECK(scene.peer.read_to_end().size() < mebibyte / 2);
    CHECK(scene.transport->queued_bytes() == 0);
    scene.write("more");
    scene.transport->write_end();
    scene.transport->flush();
    scene.transport->abort();
    scene.transport->pause_receiving();
    scene.transport->resume_receiving();
    scene.transport->start_receiving();
    scene.world.settle();
    CHECK(scene.handler.calls == 0);
}

TEST_CASE("a send that the kernel has not seen yet goes to nobody else after an abort") {
    Scene scene(unix_pair());
    Pair other;
    int number = scene.transport->fd();
    scene.world.loop().call_soon([&] {
        scene.write("a secret");
        scene.transport->flush();
        scene.transport->abort();
        other = unix_pair();
    });
    scene.world.settle();
    CHECK(other.ours.get() >= 0);
    Peer stranger(scene.world, std::move(other.ours.get() == number ? other.theirs : other.ours));
    CHECK(stranger.read_now() == "");
    Peer second_stranger(scene.world, std::move(other.ours.get() == number ? other.ours : other.theirs));
    CHECK(second_stranger.read_now() == "");
}

TEST_CASE("a handler may let go of its transport within any of its calls") {
    Scene scene(tcp_pair());
    auto let_go = [&] { scene.transport.reset(); };
    scene.transport->start_receiving();
    SUBCASE("received") {
        scene.handler.on_received = let_go;
        scene.peer.send("x");
    }
    SUBCASE("received_end") {
        scene.handler.on_end = let_go;
        scene.peer.end_writing();
    }
    SUBCASE("connection_lost") {
        scene.handler.on_lost = let_go;
        scene.peer.reset();
    }
    SUBCASE("drained") {
        limit_send_buffer(scene.transport->fd());
        scene.handler.on_drained = let_go;
        scene.write(std::string(4 * mebibyte, 'd'));
        scene.peer.read(4 * mebibyte);
    }
    SUBCASE("received, and aborts first") {
        scene.handler.on_received = [&] {
            scene.transport->abort();
            scene.transport.reset();
        };
        scene.peer.send("x");
    }
    SUBCASE("connection_lost of a failed send") {
        scene.handler.on_lost = let_go;
        scene.peer.reset();
        scene.write("x");
    }
    scene.world.run_until([&] { return scene.transport == nullptr; });
    scene.world.settle();
    CHECK(scene.handler.calls == 1);
    CHECK(scene.world.lost.empty());
}

TEST_CASE("a transport with a send in flight may be let go, and the loop may end") {
    Scene scene(unix_pair());
    limit_send_buffer(scene.transport->fd());
    scene.transport->start_receiving();
    scene.write(pattern(mebibyte));
    scene.transport->write(net::SharedBytes(std::string(100'000, 's')));
    scene.world.settle();
    SUBCASE("let go first") {
        scene.transport.reset();
        scene.world.turns(3);
        scene.world.end_loop();
    }
    SUBCASE("let go in the same turn") {
        scene.transport.reset();
        scene.world.end_loop();
    }
    SUBCASE("the loop ends first") {
        scene.world.end_loop();
        CHECK(scene.transport->is_lost());
        scene.write("to nobody");
        scene.transport->write_end();
        scene.transport->abort();
        scene.transport.reset();
    }
    SUBCASE("aborted in the same turn") {
        scene.transport->abort();
        scene.world.end_loop();
        scene.transport.reset();
    }
    CHECK(scene.peer.read_now().size() > 0);
    CHECK(scene.handler.calls == 0);
}

TEST_CASE("a transport outlives its loop with writes corked and a report due") {
    Scene scene(unix_pair());
    scene.transport->start_receiving();
    SUBCASE("corked") {
        scene.write("corked");
    }
    SUBCASE("a report is due") {
        scene.peer.close();
        scene.write("to nobody");
        scene.transport->flush();
    }
    SUBCASE("idle") {}
    scene.world.end_loop();
    CHECK(scene.transport->is_lost());
    scene.transport.reset();
    CHECK(scene.handler.losses.empty());
}
