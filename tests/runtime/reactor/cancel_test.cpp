#include <stepwise/tests/runtime/reactor/blocked_operation.hpp>

#include <algorithm>
#include <cerrno>
#include <string>

using namespace contract;

TEST_CASE_TEMPLATE("a cancelled operation completes once, with ECANCELED", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (OperationKind kind : every_kind) {
        for (bool at_once : {true, false}) {
            CAPTURE(name_of(kind));
            CAPTURE(at_once);
            BlockedOperation blocked(world.reactor(), kind);
            world.start(blocked.operation);
            if (!at_once) world.poll();
            world.reactor().cancel(blocked.operation);
            world.reactor().cancel(blocked.operation);
            REQUIRE(world.until([&] { return blocked.operation.completions != 0; }));
            CHECK(blocked.operation.result == -ECANCELED);
            CHECK(!blocked.operation.pending());
            world.reactor().cancel(blocked.operation);
            blocked.unblock();
            world.poll();
            world.poll();
            CHECK(blocked.operation.completions == 1);
        }
    }
}

TEST_CASE_TEMPLATE("an operation can be used again after it was cancelled", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (OperationKind kind : every_kind) {
        CAPTURE(name_of(kind));
        if (kind == OperationKind::connect) continue;  // its socket is in doubt now
        BlockedOperation blocked(world.reactor(), kind);
        world.start(blocked.operation);
        world.reactor().cancel(blocked.operation);
        REQUIRE(world.until([&] { return !blocked.operation.pending(); }));
        world.start(blocked.operation);
        world.poll();
        CHECK(blocked.operation.pending());
        blocked.unblock();
        REQUIRE(world.until([&] { return !blocked.operation.pending(); }));
        CHECK(blocked.operation.result > 0);
        CHECK(blocked.operation.completions == 2);
    }
}

TEST_CASE_TEMPLATE("an operation that was never started can be cancelled and abandoned", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Counted operation;
    world.reactor().cancel(operation);
    world.reactor().abandon(operation);
    world.poll();
    CHECK(operation.completions == 0);
}

TEST_CASE_TEMPLATE("if the result comes before the cancellation it is delivered: no byte is lost", Kind,
                   EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (OperationKind kind : every_kind) {
        for (bool seen_by_kernel : {true, false}) {
            CAPTURE(name_of(kind));
            CAPTURE(seen_by_kernel);
            BlockedOperation blocked(world.reactor(), kind);
            world.start(blocked.operation);
            if (seen_by_kernel) world.poll();
            blocked.unblock();
            world.reactor().cancel(blocked.operation);
            REQUIRE(world.until([&] { return blocked.operation.completions != 0; }));
            int result = blocked.operation.result;
            CAPTURE(result);
            CHECK((result == -ECANCELED || (result > 0 && kind != OperationKind::connect)));
            if (blocked.reads()) CHECK(blocked.bytes_that_arrived() == "hello");
            world.poll();
            CHECK(blocked.operation.completions == 1);
        }
    }
}

TEST_CASE_TEMPLATE("a cancelled recv keeps its buffer until the kernel lets go, then never touches it", Kind,
                   EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    auto buffer = std::make_unique<std::string>(64, 'x');
    Counted operation;
    operation.prepare_recv(pair.here.get(), buffer->data(), buffer->size());
    world.start(operation);
    world.poll();
    world.reactor().cancel(operation);
    REQUIRE(world.until([&] { return !operation.pending(); }));
    CHECK(operation.result == -ECANCELED);
    send_text(pair.there.get(), "late");
    world.poll();
    CHECK(*buffer == std::string(64, 'x'));
    CHECK(read_all(pair.here.get()) == "late");
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("an abandoned operation is let go at once and never completes", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (OperationKind kind : every_kind) {
        for (bool seen_by_kernel : {true, false}) {
            CAPTURE(name_of(kind));
            CAPTURE(seen_by_kernel);
            BlockedOperation blocked(world.reactor(), kind);
            world.start(blocked.operation);
            if (seen_by_kernel) world.poll();
            world.reactor().abandon(blocked.operation);
            CHECK(!blocked.operation.pending());
            // The frame is gone now: whoever writes to its buffer is seen by the sanitizer, or here.
            std::vector<char> before = blocked.buffer;
            blocked.unblock();
            world.poll();
            world.poll();
            CHECK(blocked.operation.completions == 0);
            CHECK(blocked.buffer == before);
        }
    }
    CHECK(world.until([&] { return world.reactor().idle(); }));
}

TEST_CASE_TEMPLATE("a cancelled operation can still be abandoned", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (OperationKind kind : every_kind) {
        CAPTURE(name_of(kind));
        auto blocked = std::make_unique<BlockedOperation>(world.reactor(), kind);
        world.start(blocked->operation);
        world.poll();
        world.reactor().cancel(blocked->operation);
        world.reactor().abandon(blocked->operation);
        CHECK(!blocked->operation.pending());
        CHECK(blocked->operation.completions <= 1);
        blocked.reset();
        world.poll();
    }
}

TEST_CASE_TEMPLATE("what completes while another operation is abandoned is not lost", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair first = socket_pair();
    Pair second = socket_pair();
    Pair third = socket_pair();
    char buffer[16];
    char other_buffer[16];
    Counted abandoned;
    Counted kept;
    TestReceiver receiver;
    abandoned.prepare_recv(first.here.get(), buffer, sizeof buffer);
    kept.prepare_recv(second.here.get(), other_buffer, sizeof other_buffer);
    world.start(abandoned);
    world.start(kept);
    world.reactor().start_receiving(third.here.get(), receiver);
    world.poll();
    send_text(second.there.get(), "abc");
    send_text(third.there.get(), "defg");
    world.reactor().abandon(abandoned);
    REQUIRE(world.until([&] { return kept.completions == 1 && receiver.bytes.size() == 4; }));
    CHECK(kept.result == 3);
    CHECK(receiver.bytes == "defg");
    CHECK(abandoned.completions == 0);
    world.reactor().stop_receiving(receiver);
    world.close(first.here);
    world.close(second.here);
    world.close(third.here);
}

TEST_CASE_TEMPLATE("more operations than the queue holds are started, cancelled and completed", Kind, EVERY_REACTOR) {
    ReactorOptions options;
    options.ring_entries = 8;
    World<Kind> world(options);
    if (world.is_missing()) return;
    constexpr std::size_t count = 300;
    std::vector<Pair> pairs(count);
    std::vector<Counted> operations(count);
    std::vector<char> bytes(count);
    for (std::size_t index = 0; index < count; ++index) {
        pairs[index] = socket_pair();
        operations[index].prepare_recv(pairs[index].here.get(), &bytes[index], 1);
        world.start(operations[index]);
    }
    for (std::size_t index = 0; index < count; index += 2) send_text(pairs[index].there.get(), "y");
    for (std::size_t index = 1; index < count; index += 2) world.reactor().cancel(operations[index]);
    REQUIRE(world.until([&] { return std::ranges::none_of(operations, &Operation::pending); }));
    for (std::size_t index = 0; index < count; ++index) {
        CAPTURE(index);
        CHECK(operations[index].result == (index % 2 == 0 ? 1 : -ECANCELED));
        CHECK(operations[index].completions == 1);
        world.close(pairs[index].here);
    }
    CHECK(world.reactor().idle());
}

TEST_CASE_TEMPLATE("what a thread left when it ended is let go of on another one, however much it is", Kind,
                   EVERY_REACTOR) {
    if (is_left_out<Kind>("it has one thread")) return;
    ReactorOptions options;
    options.ring_entries = 8;
    constexpr std::size_t count = 100;
    std::vector<Pair> pairs(2 * count);
    for (Pair& pair : pairs) pair = socket_pair();
    std::vector<Counted> operations(count);
    std::vector<TestReceiver> receivers(count);
    std::vector<char> bytes(count);
    World<Kind> world(options);
    if (world.is_missing()) return;
    std::thread([&] {
        for (std::size_t index = 0; index < count; ++index) {
            operations[index].prepare_recv(pairs[index].here.get(), &bytes[index], 1);
            world.start(operations[index]);
            world.reactor().start_receiving(pairs[count + index].here.get(), receivers[index]);
        }
        world.poll();
    }).join();
    SUBCASE("one by one") {
        for (Counted& operation : operations) {
            world.reactor().cancel(operation);
            world.reactor().abandon(operation);
        }
        for (TestReceiver& receiver : receivers) world.reactor().stop_receiving(receiver);
    }
    SUBCASE("by the reactor's end") {
        for (Counted& operation : operations) world.reactor().abandon(operation);
    }
    CHECK(std::ranges::none_of(operations, &Operation::pending));
    world.loop.reactor.reset();
}
