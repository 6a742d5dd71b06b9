#include <stepwise/tests/runtime/support.hpp>

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <system_error>
#include <thread>

namespace {

using namespace runtime_test;

void earlier_handler(int) {}

// Whether the process has earlier_handler for `number` now.
bool is_earlier(int number) {
    struct sigaction now {};
    REQUIRE(sigaction(number, nullptr, &now) == 0);
    return now.sa_handler == earlier_handler;
}

class Disposition {
public:
    Disposition(int number, void (*handler)(int)) : number_(number) {
        struct sigaction action {};
        action.sa_handler = handler;
        REQUIRE(sigaction(number, &action, &before_) == 0);
    }
    Disposition(const Disposition&) = delete;
    Disposition& operator=(const Disposition&) = delete;
    ~Disposition() { sigaction(number_, &before_, nullptr); }

private:
    int number_;
    struct sigaction before_ {};
};

}  // namespace

TEST_CASE("a signal becomes a call on the loop, a burst of them one call") {
    World world;
    int calls = 0;
    world.loop.add_signal_handler(SIGUSR1, [&] { ++calls; });
    raise(SIGUSR1);
    CHECK(calls == 0);
    world.turns(1);
    CHECK(calls == 1);
    for (int count = 0; count < 5; ++count) raise(SIGUSR1);
    world.turns(2);
    CHECK(calls == 2);
    world.turns(2);
    CHECK(calls == 2);
}

TEST_CASE("a signal wakes a loop that sleeps") {
    World world;
    world.loop.add_signal_handler(SIGUSR1, [&] { world.loop.stop(); });
    pthread_t self = pthread_self();
    for (int round = 0; round < 100; ++round) {
        std::thread other([&] { pthread_kill(self, SIGUSR1); });
        world.loop.run_forever();
        other.join();
    }
    std::thread other([] { kill(getpid(), SIGUSR1); });
    world.loop.run_forever();
    other.join();
}

TEST_CASE("the earlier disposition comes back with remove_signal_handler, and with the loop's end") {
    Disposition ours(SIGUSR2, earlier_handler);
    {
        World world;
        world.loop.add_signal_handler(SIGUSR2, [] {});
        CHECK_FALSE(is_earlier(SIGUSR2));
        CHECK(world.loop.remove_signal_handler(SIGUSR2));
        CHECK(is_earlier(SIGUSR2));
        CHECK_FALSE(world.loop.remove_signal_handler(SIGUSR2));
        world.loop.add_signal_handler(SIGUSR2, [] {});
    }
    CHECK(is_earlier(SIGUSR2));
}

TEST_CASE("a second loop that wants the same signal is refused, until the first lets go") {
    World first;
    World second;
    first.loop.add_signal_handler(SIGUSR1, [] {});
    CHECK_THROWS_AS(second.loop.add_signal_handler(SIGUSR1, [] {}), std::logic_error);
    second.loop.add_signal_handler(SIGUSR2, [] {});
    CHECK(first.loop.remove_signal_handler(SIGUSR1));
    second.loop.add_signal_handler(SIGUSR1, [] {});
}

TEST_CASE("a second add replaces the callback") {
    World world;
    Log log;
    world.loop.add_signal_handler(SIGUSR1, [&] { log.push_back("first"); });
    world.loop.add_signal_handler(SIGUSR1, [&] { log.push_back("second"); });
    raise(SIGUSR1);
    world.turns(1);
    CHECK(log == Log{"second"});
}

TEST_CASE("a signal that cannot be caught is std::system_error, one that does not exist std::invalid_argument") {
    World world;
    CHECK_THROWS_AS(world.loop.add_signal_handler(SIGKILL, [] {}), std::system_error);
    CHECK_THROWS_AS(world.loop.add_signal_handler(0, [] {}), std::invalid_argument);
    CHECK_THROWS_AS(world.loop.add_signal_handler(NSIG, [] {}), std::invalid_argument);
    CHECK_FALSE(world.loop.remove_signal_handler(SIGKILL));
}

TEST_CASE("a handler may remove itself; and after its removal it is not called, though the signal had come") {
    World world;
    int calls = 0;
    world.loop.add_signal_handler(SIGUSR1, [&] {
        ++calls;
        CHECK(world.loop.remove_signal_handler(SIGUSR1));
    });
    world.loop.add_signal_handler(SIGUSR2, [&] { FAIL("was called"); });
    raise(SIGUSR1);
    raise(SIGUSR2);
    world.loop.call_soon([&] { world.loop.remove_signal_handler(SIGUSR2); });
    world.turns(2);
    CHECK(calls == 1);
}

TEST_CASE("a loop may end while another thread handles its signal") {
    Disposition ignored(SIGUSR1, SIG_IGN);
    std::atomic<bool> over = false;
    std::thread other([&] {
        while (!over) pthread_kill(pthread_self(), SIGUSR1);
    });
    for (int round = 0; round < 200; ++round) {
        EventLoop loop;
        loop.add_signal_handler(SIGUSR1, [] {});
        loop.run_once(false);
    }
    over = true;
    other.join();
}
