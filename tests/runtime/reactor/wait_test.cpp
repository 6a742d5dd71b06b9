#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <chrono>
#include <thread>

using namespace contract;
using MonotonicClock = std::chrono::steady_clock;

namespace {

template <class Call>
std::chrono::nanoseconds time_of(Call call) {
    auto before = MonotonicClock::now();
    call();
    return MonotonicClock::now() - before;
}

// How many waits of what is left of `timeout` it takes until it has passed: one, or some more where the kernel
// interrupts the call, for a signal or for work of its own (it ends the rings of the tests before this one now).
template <class Kind>
int waits_until_passed(World<Kind>& world, Reactor::Duration timeout) {
    auto end = world.now() + timeout;
    int count = 0;
    for (auto left = timeout; left > 0ns; left = end - world.now()) {
        world.reactor().wait(left);
        ++count;
    }
    return count;
}

// A wait that does not wait would be made thousands of times in a millisecond.
constexpr int waits_max = 200;

}  // namespace

TEST_CASE_TEMPLATE("a wait of zero does not block", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    CHECK(time_of([&] {
              for (int count = 0; count < 100; ++count) world.reactor().wait(0ns);
          }) < 20s);
}

TEST_CASE_TEMPLATE("a wait ends at its timeout and not long before", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (Reactor::Duration timeout : {Reactor::Duration(5ms), Reactor::Duration(1'300us), Reactor::Duration(1ns)}) {
        CAPTURE(timeout.count());
        int waits = 0;
        CHECK(time_of([&] { waits = waits_until_passed(world, timeout); }) < 20s);
        CHECK(waits <= waits_max);
    }
    // Also when something was just submitted.
    Pair pair = socket_pair();
    char byte;
    Counted operation;
    operation.prepare_recv(pair.here.get(), &byte, 1);
    world.start(operation);
    int waits = 0;
    CHECK(time_of([&] { waits = waits_until_passed(world, 5ms); }) < 20s);
    CHECK(waits <= waits_max);
    CHECK(operation.pending());
    world.reactor().abandon(operation);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("a wait ends when something completes", Kind, EVERY_REACTOR) {
    if (is_left_out<Kind>("another thread writes")) return;
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    char byte;
    Counted operation;
    operation.prepare_recv(pair.here.get(), &byte, 1);
    world.start(operation);
    std::thread writer([&] { send_text(pair.there.get(), "x"); });
    while (operation.completions == 0) world.loop.turn(std::nullopt);
    writer.join();
    CHECK(operation.result == 1);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("wake ends the wait that is going on, from any thread", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (int round = 0; round < 20; ++round) {
        std::atomic<bool> asked = false;
        std::thread waker([&] {
            asked = true;
            world.reactor().wake();
        });
        while (!asked) std::this_thread::yield();
        CHECK(time_of([&] { world.reactor().wait(30s); }) < 20s);
        waker.join();
    }
}

TEST_CASE_TEMPLATE("wake before a wait makes that wait return, and no later one", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (int round = 0; round < 3; ++round) {
        world.reactor().wake();
        world.reactor().wake();
        CHECK(time_of([&] { world.reactor().wait(30s); }) < 20s);
        CHECK(waits_until_passed(world, 5ms) <= waits_max);
    }
}

TEST_CASE_TEMPLATE("idle tells whether anything is pending", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    auto becomes_idle = [&] { return world.until([&] { return world.reactor().idle(); }); };
    CHECK(world.reactor().idle());
    world.poll();
    CHECK(world.reactor().idle());

    Pair pair = socket_pair();
    char byte;
    Counted operation;
    operation.prepare_recv(pair.here.get(), &byte, 1);
    world.start(operation);
    CHECK(!world.reactor().idle());
    world.poll();
    CHECK(!world.reactor().idle());
    send_text(pair.there.get(), "x");
    CHECK(world.until([&] { return operation.completions != 0; }));
    CHECK(world.reactor().idle());

    TestReceiver receiver;
    world.reactor().start_receiving(pair.here.get(), receiver);
    CHECK(!world.reactor().idle());
    world.poll();
    CHECK(!world.reactor().idle());
    world.reactor().stop_receiving(receiver);
    CHECK(becomes_idle());

    Listener listener = tcp_listener();
    TestAcceptor acceptor;
    world.reactor().start_accepting(listener.socket.get(), acceptor);
    CHECK(!world.reactor().idle());
    world.reactor().stop_accepting(acceptor);
    CHECK(becomes_idle());
    world.close(pair.here);
    world.close(listener.socket);
}

TEST_CASE_TEMPLATE("two loops on two threads talk to each other", Kind, EVERY_REACTOR) {
    if (is_left_out<Kind>("it has one thread")) return;
    // Made here, used there: a reactor belongs to the thread that first uses it.
    World<Kind> first;
    World<Kind> second;
    if (first.is_missing()) return;
    Pair pair = socket_pair();
    constexpr int rounds = 500;
    auto play = [](World<Kind>& world, UniqueFd& socket, bool begins, std::atomic<int>& count) {
        TestReceiver receiver;
        auto answer = [&] { return calls::send(socket.get(), "*", 1) == 1; };
        receiver.on_received = [&] {
            if (++count <= rounds) answer();
        };
        world.reactor().start_receiving(socket.get(), receiver);
        if (begins) answer();
        auto give_up = MonotonicClock::now() + 20s;
        while (count < rounds && MonotonicClock::now() < give_up) world.loop.turn(10ms);
        world.reactor().stop_receiving(receiver);
        for (int left = 0; left < 3; ++left) world.poll();
    };
    std::atomic<int> first_count = 0;
    std::atomic<int> second_count = 0;
    std::thread other([&] { play(second, pair.there, false, second_count); });
    play(first, pair.here, true, first_count);
    other.join();
    CHECK(first_count >= rounds);
    CHECK(second_count >= rounds);
    first.close(pair.here);
    second.close(pair.there);
}
