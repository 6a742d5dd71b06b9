#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

using namespace contract;

TEST_CASE_TEMPLATE("bytes are received in order, then the end, once", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    TestReceiver receiver;
    send_text(pair.there.get(), "early ");
    world.reactor().start_receiving(pair.here.get(), receiver);
    REQUIRE(world.until([&] { return receiver.bytes == "early "; }));
    send_text(pair.there.get(), "and ");
    send_text(pair.there.get(), "late");
    REQUIRE(world.until([&] { return receiver.bytes == "early and late"; }));
    CHECK(receiver.ends == 0);
    send_text(pair.there.get(), ".");
    pair.there.reset();
    REQUIRE(world.until([&] { return receiver.ends != 0; }));
    CHECK(receiver.bytes == "early and late.");
    CHECK(receiver.error == 0);
    world.poll();
    CHECK(receiver.ends == 1);
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("nothing is received outside of a handle", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    TestReceiver receiver;
    send_text(pair.there.get(), "abc");
    world.reactor().start_receiving(pair.here.get(), receiver);
    for (int count = 0; count < 3; ++count) world.reactor().wait(0ns);
    CHECK(receiver.bytes.empty());
    CHECK(!world.loop.ready.empty());
    CHECK(world.until([&] { return receiver.bytes == "abc"; }));
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("a reset ends receiving with ECONNRESET", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = tcp_pair();
    TestReceiver receiver;
    world.reactor().start_receiving(pair.here.get(), receiver);
    world.poll();
    reset_when_closed(pair.there.get());
    pair.there.reset();
    REQUIRE(world.until([&] { return receiver.ends != 0; }));
    CHECK(receiver.error == ECONNRESET);
    CHECK(receiver.ends == 1);
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("what lies ready comes in one piece, also where it fills several buffers", Kind, EVERY_REACTOR) {
    ReactorOptions options;
    options.receive_buffers = 16;
    options.receive_buffer_bytes = 1500;
    World<Kind> world(options);
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    std::string sent = pattern(5000);
    TestReceiver receiver;
    send_text(pair.there.get(), sent);
    world.reactor().start_receiving(pair.here.get(), receiver);
    REQUIRE(world.until([&] { return receiver.bytes.size() == sent.size(); }));
    CHECK(receiver.bytes == sent);
    CHECK(receiver.calls == 1);
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("a large stream arrives whole however often it is paused", Kind, EVERY_REACTOR) {
    ReactorOptions options;
    options.receive_buffers = 16;
    options.receive_buffer_bytes = 1500;
    options.receive_block_bytes = 3000;
    World<Kind> world(options);
    if (world.is_missing()) return;
    Pair pair = tcp_pair();
    std::string sent = pattern(1 << 20);
    std::size_t written = 0;
    bool paused = false;
    int turns = 0;
    TestReceiver receiver;
    receiver.on_received = [&] {
        CHECK_MESSAGE(!paused, "a paused receiver was called");
        if (receiver.calls % 7 != 0) return;
        paused = true;
        world.reactor().pause_receiving(receiver);
        world.reactor().pause_receiving(receiver);
    };
    world.reactor().start_receiving(pair.here.get(), receiver);
    REQUIRE(world.until([&] {
        ssize_t count = calls::send(pair.there.get(), sent.data() + written, sent.size() - written);
        if (count > 0) written += static_cast<std::size_t>(count);
        if (written == sent.size()) pair.there.reset();
        if (paused && ++turns % 3 == 0) {
            paused = false;
            world.reactor().resume_receiving(receiver);
        }
        // Paused from outside as well, now and then within the same turn as it is resumed.
        if (!paused && turns % 5 == 0) {
            world.reactor().pause_receiving(receiver);
            world.reactor().resume_receiving(receiver);
        }
        return receiver.ends != 0;
    }));
    CHECK(receiver.error == 0);
    CHECK(receiver.bytes.size() == sent.size());
    CHECK((receiver.bytes == sent));
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("the end waits for a paused receiver, behind its bytes", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    TestReceiver receiver;
    world.reactor().start_receiving(pair.here.get(), receiver);
    world.reactor().resume_receiving(receiver);
    world.poll();
    world.reactor().pause_receiving(receiver);
    send_text(pair.there.get(), "abc");
    pair.there.reset();
    for (int count = 0; count < 5; ++count) world.poll();
    CHECK(receiver.calls == 0);
    CHECK(receiver.ends == 0);
    receiver.on_end = [&] { CHECK(receiver.bytes == "abc"); };
    world.reactor().resume_receiving(receiver);
    REQUIRE(world.until([&] { return receiver.ends != 0; }));
    CHECK(receiver.ends == 1);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("bytes already handed over are kept through a pause", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    TestReceiver receiver;
    world.reactor().start_receiving(pair.here.get(), receiver);
    world.poll();
    send_text(pair.there.get(), "abc");
    world.reactor().wait(0ns);
    // Now they are the reactor's, and its record is ready to run.
    world.reactor().pause_receiving(receiver);
    send_text(pair.there.get(), "def");
    world.poll();
    world.poll();
    CHECK(receiver.calls == 0);
    world.reactor().resume_receiving(receiver);
    CHECK(world.until([&] { return receiver.bytes == "abcdef"; }));
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("paused connections leave the buffers to the others", Kind, EVERY_REACTOR) {
    ReactorOptions options;
    options.receive_buffers = 8;
    options.receive_buffer_bytes = 64;
    World<Kind> world(options);
    if (world.is_missing()) return;
    std::vector<Pair> pairs(20);
    std::vector<TestReceiver> receivers(pairs.size());
    for (std::size_t index = 0; index < pairs.size(); ++index) {
        pairs[index] = socket_pair();
        world.reactor().start_receiving(pairs[index].here.get(), receivers[index]);
    }
    world.poll();
    for (std::size_t index = 1; index < pairs.size(); ++index) {
        send_text(pairs[index].there.get(), pattern(600));
        world.reactor().wait(0ns);
        world.reactor().pause_receiving(receivers[index]);
    }
    send_text(pairs[0].there.get(), pattern(5000));
    CHECK(world.until([&] { return receivers[0].bytes.size() == 5000; }));
    CHECK((receivers[0].bytes == pattern(5000)));
    for (std::size_t index = 1; index < pairs.size(); ++index) {
        CHECK(receivers[index].calls == 0);
        world.reactor().resume_receiving(receivers[index]);
    }
    CHECK(world.until([&] {
        return std::all_of(receivers.begin() + 1, receivers.end(), [](auto& one) { return one.bytes == pattern(600); });
    }));
    for (std::size_t index = 0; index < pairs.size(); ++index) {
        world.reactor().stop_receiving(receivers[index]);
        world.close(pairs[index].here);
    }
}

TEST_CASE_TEMPLATE("300 connections share 8 buffers and nothing is lost", Kind, EVERY_REACTOR) {
    ReactorOptions options;
    options.ring_entries = 64;
    options.receive_buffers = 8;
    options.receive_buffer_bytes = 512;
    World<Kind> world(options);
    if (world.is_missing()) return;
    std::vector<Pair> pairs(300);
    std::vector<TestReceiver> receivers(pairs.size());
    std::string sent = pattern(3000);
    for (std::size_t index = 0; index < pairs.size(); ++index) {
        pairs[index] = socket_pair();
        world.reactor().start_receiving(pairs[index].here.get(), receivers[index]);
    }
    world.poll();
    for (int round = 1; round <= 3; ++round) {
        for (Pair& pair : pairs) send_text(pair.there.get(), sent);
        std::size_t expected = sent.size() * static_cast<std::size_t>(round);
        REQUIRE(world.until(
            [&] { return std::ranges::all_of(receivers, [&](auto& one) { return one.bytes.size() >= expected; }); }));
    }
    for (std::size_t index = 0; index < pairs.size(); ++index) {
        CHECK((receivers[index].bytes == sent + sent + sent));
        pairs[index].there.reset();
    }
    CHECK(world.until([&] { return std::ranges::all_of(receivers, [](auto& one) { return one.ends == 1; }); }));
    for (Pair& pair : pairs) world.close(pair.here);
}

TEST_CASE_TEMPLATE("a receiver that throws gets the rest in the next turn", Kind, EVERY_REACTOR) {
    ReactorOptions options;
    options.receive_buffer_bytes = 16;
    options.receive_block_bytes = 16;
    World<Kind> world(options);
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    TestReceiver receiver;
    receiver.on_received = [&] {
        if (receiver.calls == 1) throw std::runtime_error("once");
    };
    send_text(pair.there.get(), pattern(64));
    world.reactor().start_receiving(pair.here.get(), receiver);
    CHECK_THROWS_AS(world.until([&] { return receiver.calls != 0; }), std::runtime_error);
    CHECK(world.until([&] { return receiver.bytes == pattern(64); }));
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
}

// A stage for the end of a receiver: whether it runs, waits to be run, or was only just started.
template <class Kind>
struct Ending {
    World<Kind> world{ReactorOptions{.receive_buffer_bytes = 64, .receive_block_bytes = 64}};
    Pair pair = socket_pair();
    std::unique_ptr<TestReceiver> receiver = std::make_unique<TestReceiver>();

    void start() { world.reactor().start_receiving(pair.here.get(), *receiver); }
    void stop_and_destroy() {
        world.reactor().stop_receiving(*receiver);
        world.reactor().stop_receiving(*receiver);
        receiver.reset();
        world.close(pair.here);
    }
    // The number is used again by a socket that has nothing to do with the one before.
    void number_can_be_used_again(int number, std::string_view bytes_before) {
        Pair next = socket_pair();
        if (next.here.get() != number && next.there.get() == number) std::swap(next.here, next.there);
        REQUIRE(next.here.get() == number);
        TestReceiver other;
        send_text(next.there.get(), "abc");
        world.reactor().start_receiving(next.here.get(), other);
        CHECK(world.until([&] { return other.bytes.size() >= 3; }));
        if (pair.there) CHECK(calls::send(pair.there.get(), "x", 1) == -1);
        send_text(next.there.get(), "def");
        CHECK(world.until([&] { return other.bytes.size() >= 6; }));
        CHECK(other.bytes == "abcdef");
        CHECK(other.ends == 0);
        CAPTURE(bytes_before);
        world.reactor().stop_receiving(other);
        world.close(next.here);
    }
};

TEST_CASE_TEMPLATE("a receiver may stop and end while it is called", Kind, EVERY_REACTOR) {
    Ending<Kind> ending;
    if (ending.world.is_missing()) return;
    int number = ending.pair.here.get();
    int calls = 0;
    ending.receiver->on_received = [&] { ++calls; };
    ending.start();
    send_text(ending.pair.there.get(), pattern(1000));
    auto stop = [&] {
        ++calls;
        ending.world.reactor().stop_receiving(*ending.receiver);
    };
    ending.receiver->on_received = stop;
    REQUIRE(ending.world.until([&] { return calls != 0; }));
    ending.stop_and_destroy();
    CHECK(calls == 1);
    ending.number_can_be_used_again(number, "1000 bytes");
}

TEST_CASE_TEMPLATE("a receiver may end right after it was started", Kind, EVERY_REACTOR) {
    Ending<Kind> ending;
    if (ending.world.is_missing()) return;
    int number = ending.pair.here.get();
    ending.start();
    send_text(ending.pair.there.get(), pattern(100));
    ending.stop_and_destroy();
    ending.number_can_be_used_again(number, "100 bytes");
}

TEST_CASE_TEMPLATE("a receiver may end while it waits for bytes", Kind, EVERY_REACTOR) {
    Ending<Kind> ending;
    if (ending.world.is_missing()) return;
    int number = ending.pair.here.get();
    ending.start();
    ending.world.poll();
    ending.stop_and_destroy();
    ending.number_can_be_used_again(number, "");
}

TEST_CASE_TEMPLATE("a receiver may end while its bytes stand in the ready queue", Kind, EVERY_REACTOR) {
    Ending<Kind> ending;
    if (ending.world.is_missing()) return;
    int number = ending.pair.here.get();
    ending.start();
    send_text(ending.pair.there.get(), pattern(1000));
    ending.world.reactor().wait(0ns);
    REQUIRE(!ending.world.loop.ready.empty());
    ending.stop_and_destroy();
    ending.number_can_be_used_again(number, "1000 bytes");
}

TEST_CASE_TEMPLATE("a receiver may end while it is paused", Kind, EVERY_REACTOR) {
    Ending<Kind> ending;
    if (ending.world.is_missing()) return;
    int number = ending.pair.here.get();
    ending.start();
    ending.world.poll();
    send_text(ending.pair.there.get(), pattern(1000));
    ending.world.reactor().pause_receiving(*ending.receiver);
    ending.world.poll();
    ending.stop_and_destroy();
    ending.number_can_be_used_again(number, "1000 bytes");
}

TEST_CASE_TEMPLATE("the peer sees the end of a connection that was stopped and closed", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = tcp_pair();
    TestReceiver receiver;
    world.reactor().start_receiving(pair.here.get(), receiver);
    world.poll();
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
    char byte;
    REQUIRE(world.until([&] { return calls::recv(pair.there.get(), &byte, 1) >= 0 || errno != EAGAIN; }));
    CHECK(calls::recv(pair.there.get(), &byte, 1) == 0);
}

TEST_CASE_TEMPLATE("a receiver can be started again, also on another socket", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    TestReceiver receiver;
    for (int round = 1; round <= 50; ++round) {
        Pair pair = socket_pair();
        world.reactor().start_receiving(pair.here.get(), receiver);
        if (round % 2 == 0) world.poll();
        send_text(pair.there.get(), "abcd");
        REQUIRE(world.until([&] { return receiver.bytes.size() == 4 * static_cast<std::size_t>(round); }));
        if (round % 3 == 0) {
            pair.there.reset();
            int ends = receiver.ends;
            REQUIRE(world.until([&] { return receiver.ends != ends; }));
        }
        world.reactor().stop_receiving(receiver);
        world.close(pair.here);
    }
}

TEST_CASE_TEMPLATE("a reactor may end before what it receives", Kind, EVERY_REACTOR) {
    if (is_left_out<Kind>("its sockets end with it")) return;
    Pair pair = socket_pair();
    Pair other = socket_pair();
    TestReceiver receiver;
    TestReceiver paused;
    {
        World<Kind> world;
        if (world.is_missing()) return;
        world.reactor().start_receiving(pair.here.get(), receiver);
        world.reactor().start_receiving(other.here.get(), paused);
        world.poll();
        world.reactor().pause_receiving(paused);
        send_text(pair.there.get(), "abc");
        send_text(other.there.get(), "abc");
        world.reactor().wait(0ns);
    }
    CHECK(receiver.ends == 0);
}
