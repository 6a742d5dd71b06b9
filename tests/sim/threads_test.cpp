// Threads on the simulator, and Thread elsewhere.
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/tests/sim/threads_support.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <set>
#include <stdexcept>
#include <vector>

using namespace sim_test;

namespace {

constexpr const char* at_rest =
    "the simulated world is at rest: nothing is on its way and no timer runs, so that nothing can wake what waits "
    "here; a real loop would wait for ever";

std::string order_of_three(std::uint64_t seed) {
    std::string order;
    in_a_program(seed, [&order] {
        std::vector<Thread> threads;
        for (char name : {'a', 'b', 'c'}) {
            threads.emplace_back([&order, name] {
                for (int round = 0; round < 3; ++round) {
                    order += name;
                    own::sleep_for(1s);
                }
            });
        }
        for (Thread& thread : threads) thread.join();
    });
    return order;
}

}  // namespace

TEST_CASE("the same seed gives threads the same turns, and another one others") {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const std::string order = order_of_three(seed);
        CHECK(order.size() == 9);
        CHECK(order_of_three(seed) == order);
        orders.insert(order);
    }
    CHECK(orders.size() > 5);
}

TEST_CASE("threads sleep side by side, in no time, and who joins them waits so long") {
    in_a_program(1, [] {
        const TimePoint began = own::now();
        Thread shorter([] { own::sleep_for(1h); });
        Thread longer([] { own::sleep_for(2h); });
        shorter.join();
        CHECK(own::now() - began < 1h + 1s);
        longer.join();
        CHECK(own::now() - began >= 2h);
        CHECK(own::now() - began < 2h + 1s);
    });
}

TEST_CASE("what a thread throws join throws, on the simulator and elsewhere") {
    const auto check = [] {
        Thread thread([] { throw std::runtime_error("it broke"); });
        CHECK(thread.joinable());
        CHECK_THROWS_WITH_AS(thread.join(), "it broke", std::runtime_error);
        CHECK(!thread.joinable());
        CHECK_THROWS_WITH_AS(thread.join(), "Thread::join: there is no thread, or it was joined before",
                             std::logic_error);
    };
    check();
    in_a_program(1, check);
}

namespace {

Coro<void> drop_a_thread_that_throws() {
    Thread thread([] { throw std::runtime_error("it broke"); });
    co_return;
}

}  // namespace

TEST_CASE("what a thread throws that nobody joins is told to the loop's exception handler") {
    EventLoop loop(on(sim::Options()));
    std::vector<std::string> told;
    loop.set_exception_handler([&](std::exception_ptr error, std::string_view where) {
        CHECK_THROWS_WITH(std::rethrow_exception(error), "it broke");
        told.emplace_back(where);
    });
    loop.run_until_complete(drop_a_thread_that_throws());
    CHECK(told == std::vector<std::string>{"a thread"});
}

TEST_CASE("a thread that is assigned to waits for the one it had") {
    in_a_program(1, [] {
        std::string order;
        Thread thread([&order] {
            own::sleep_for(1s);
            order += 'a';
        });
        thread = Thread([&order] { order += 'b'; });
        CHECK(order.find('a') != std::string::npos);
        Thread moved = std::move(thread);
        CHECK(!thread.joinable());  // NOLINT(bugprone-use-after-move)
        moved.join();
        CHECK(std::set<char>(order.begin(), order.end()) == std::set<char>{'a', 'b'});
    });
}

// ---- a thread and a loop

namespace {

Coro<void> hear_of_a_thread() {
    EventLoop& loop = EventLoop::current();
    const TimePoint began = loop.time();
    Event told;
    Thread thread([&] {
        own::sleep_for(5s);
        loop.call_soon_threadsafe([&told] { told.set(); });
    });
    co_await told.wait();
    CHECK(loop.time() - began >= 5s);
    CHECK(loop.time() - began < 6s);
    thread.join();
}

Coro<void> block_the_loop(std::string& order) {
    Task<void> ticking = EventLoop::current().create_task(tick(2, 'l', order));
    Thread thread([&order] {
        own::sleep_for(500ms);
        order += 't';
    });
    co_await sleep(0s);
    own::sleep_for(10s);  // the loop's own thread: its timers are late
    order += 'b';
    co_await ticking;
    thread.join();
}

Coro<void> spin_until_a_thread_is_done() {
    std::atomic<bool> done = false;
    Thread thread([&done] {
        own::sleep_for(1ms);
        done = true;
    });
    while (!done) co_await sleep(0s);
}

Coro<void> wait_for_an_atomic(Duration pause) {
    std::atomic<int> value = 1;
    std::promise<int> promised;
    std::future<int> when_promised = promised.get_future();
    Thread setter([&] {
        own::sleep_for(pause);
        value = 2;
        value.notify_all();
        own::sleep_for(pause);
        promised.set_value(3);
    });
    const TimePoint began = own::now();
    own::wait(value, 0);  // another one already
    own::wait(value, 1);
    CHECK(value == 2);
    own::wait(when_promised);
    CHECK(when_promised.get() == 3);
    CHECK(own::now() - began >= pause);
    co_return;
}

}  // namespace

TEST_CASE("a thread that ends while the loop waits has handed over what it posted") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) run_on(with_seed(seed), hear_of_a_thread());
}

TEST_CASE("a loop whose thread sleeps is late, and other threads are not") {
    std::string order;
    run_on(sim::Options(), block_the_loop(order));
    CHECK(order == "tbll");
}

TEST_CASE("a loop that is never at rest leaves the others their turns") {
    run_on(sim::Options(), spin_until_a_thread_is_done());
}

TEST_CASE("who waits for a future that is deferred computes it, on the simulator and elsewhere") {
    const auto check = [] {
        int computed = 0;
        std::future<int> deferred = std::async(std::launch::deferred, [&computed] { return ++computed; });
        own::wait(deferred);
        CHECK(computed == 1);
        CHECK(deferred.get() == 1);
    };
    check();
    in_a_program(1, check);
}

TEST_CASE("a thread waits for an atomic and for a future, on the simulator and elsewhere") {
    run_on(sim::Options(), wait_for_an_atomic(1h));
    EventLoop::Options real;
    real.reactor = "epoll";
    run(wait_for_an_atomic(0s), real);
}

// ---- where nothing goes on

namespace {

Coro<void> wait_while_a_thread_does(std::vector<std::string>& told) {
    std::promise<void> never;
    std::future<void> when_never = never.get_future();
    Thread thread([&] {
        try {
            own::wait(when_never);
        } catch (const std::logic_error& error) {
            told.emplace_back(error.what());
        }
    });
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Stream stream = co_await net::accept_from(listening.get());
}

}  // namespace

TEST_CASE("threads that wait for what can never come are told so, and do not wait for ever") {
    in_a_program(1, [] {
        std::promise<void> never;
        std::future<void> when_never = never.get_future();
        Thread waits([&] { own::wait(when_never); });
        CHECK_THROWS_WITH_AS(waits.join(), at_rest, std::logic_error);
        CHECK_THROWS_WITH_AS(own::wait(when_never), at_rest, std::logic_error);
    });
    std::vector<std::string> told;
    CHECK_THROWS_WITH_AS(run_on(sim::Options(), wait_while_a_thread_does(told)), at_rest, std::logic_error);
    CHECK(told == std::vector<std::string>{at_rest});
}
