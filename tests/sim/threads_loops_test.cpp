// Loops on several simulated threads: of a Thread, a LoopGroup, a job of the executor.
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/tests/sim/threads_support.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <set>
#include <vector>

using namespace sim_test;

namespace {

Coro<std::string> ask(net::Address server) {
    net::Stream stream = co_await net::Stream::connect(server);
    co_await stream.write_all("hello");
    std::string heard(5, '\0');
    co_await stream.read_exactly(heard);
    co_return heard;
}

Coro<void> answer_once(UniqueFd listening) {
    net::Stream stream = co_await net::accept_from(listening.get());
    std::string heard(5, '\0');
    co_await stream.read_exactly(heard);
    co_await sleep(1s);
    co_await stream.write_all(heard);
}

Coro<void> serve_another_loop(Duration& elapsed) {
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    const net::Address address = net::Address::of_local_end(listening.get());
    std::string heard;
    Event answered;
    Thread client([&heard, &address, &answered, &loop = EventLoop::current()] {
        heard = run_on(sim::Options(), ask(address));
        loop.call_soon_threadsafe([&answered] { answered.set(); });
    });
    co_await answer_once(std::move(listening));
    co_await answered.wait();
    client.join();
    CHECK(heard == "hello");
    elapsed = EventLoop::current().time().time_since_epoch();
}

Coro<void> tick_until(Event*& stop, std::string& order) {
    Event stopped;
    stop = &stopped;
    Task<void> ticking = EventLoop::current().create_task(tick(1000, 'l', order));
    co_await stopped.wait();
    ticking.cancel();
}

}  // namespace

TEST_CASE("two loops on two threads talk through the one simulated network") {
    std::set<Duration> elapsed;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Duration once{};
        Duration again{};
        run_on(with_seed(seed), serve_another_loop(once));
        run_on(with_seed(seed), serve_another_loop(again));
        CHECK(once == again);
        CHECK(once >= 1s);
        CHECK(once < 2s);
        elapsed.insert(once);
    }
    CHECK(elapsed.size() > 5);
}

TEST_CASE("a LoopGroup of one loop runs beside a program that is simulated") {
    in_a_program(1, [] {
        std::string order;
        Event* stop = nullptr;
        const TimePoint began = own::now();
        LoopGroup group(1);
        group.start([&](LoopGroup&, std::size_t) { return tick_until(stop, order); });
        own::sleep_for(3500ms);
        order += 'm';
        REQUIRE(group.post(0, [&] { stop->set(); }));
        group.join();
        CHECK(order == "lllm");
        CHECK(!group.post(0, [] {}));
        CHECK(own::now() - began < 4s);
    });
}

TEST_CASE("a LoopGroup whose options alone ask for the simulator starts and ends") {
    std::string order;
    LoopGroup group(1, on(sim::Options()));
    group.start([&order](LoopGroup&, std::size_t) { return tick(3, 'l', order); });
    group.join();
    CHECK(order == "lll");
}

namespace {

// Of what is left behind one can never end, and the loop hears of it before the other does.
Coro<void> leave_behind(std::future<void>& never, std::vector<std::string>& told) {
    EventLoop& loop = EventLoop::current();
    loop.set_exception_handler([&told](std::exception_ptr, std::string_view where) { told.emplace_back(where); });
    Task<void> refusing = loop.create_task(refuse_to_be_cancelled());
    const auto work = [&never] {
        own::sleep_for(2s);
        own::wait(never);
    };
    Future<void> working = loop.run_in_executor(work);
    co_await sleep(1s);
}

}  // namespace

TEST_CASE("a LoopGroup's loop that leaves behind what cannot end says so, and ends") {
    in_a_program(1, [] {
        std::promise<void> promised;
        std::future<void> never = promised.get_future();
        std::vector<std::string> told;
        LoopGroup group(1);
        group.start([&](LoopGroup&, std::size_t) { return leave_behind(never, told); });
        group.join();
        REQUIRE(!told.empty());
        CHECK(told[0] == "LoopGroup, as it cancelled what was left");
    });
}

namespace {

Coro<void> spin_until(const std::atomic<bool>& done) {
    while (!done) co_await sleep(0s);
}

Coro<void> spin_in_a_job(std::atomic<bool>& done) {
    const auto spin = [&done] { run(spin_until(done)); };
    Future<void> spun = EventLoop::current().run_in_executor(spin);
    co_await sleep(10ms);
    done = true;
    co_await spun;
}

}  // namespace

TEST_CASE("a loop that is never at rest leaves the others their turns on whatever thread it runs") {
    in_a_program(1, [] {
        std::atomic<bool> done = false;
        const auto end_it = [&done] {
            own::sleep_for(1ms);
            done = true;
        };
        Thread thread([&done] { run(spin_until(done)); });
        end_it();
        thread.join();
        done = false;
        LoopGroup group(1);
        group.start([&done](LoopGroup&, std::size_t) { return spin_until(done); });
        end_it();
        group.join();
        done = false;
        run(spin_in_a_job(done));
        CHECK(done);
    });
}

// ---- jobs of the executor

namespace {

Coro<void> work_beside(std::string& order) {
    Task<void> ticking = EventLoop::current().create_task(tick(3, 'l', order));
    const auto work = [&order] {
        own::sleep_for(1500ms);
        std::string inner;
        run_on(sim::Options(), tick(1, 'i', inner));
        order += "j" + inner;
        return 7;
    };
    Future<int> result = EventLoop::current().run_in_executor(work);
    CHECK(co_await result == 7);
    co_await ticking;
}

// While the loop's thread sleeps the first job's, as it ends, is who comes to the second one's begin.
Coro<void> sleep_through_two_jobs() {
    EventLoop& loop = EventLoop::current();
    int ended = 0;
    const auto work = [&ended] { ++ended; };
    Future<void> first = loop.run_in_executor(work);
    Future<void> second = loop.run_in_executor(work);
    own::sleep_for(1s);
    CHECK(ended == 2);
    co_await first;
    co_await second;
}

Coro<void> leave_work_behind(bool& finished) {
    const auto work = [&finished] {
        own::sleep_for(1h);
        finished = true;
    };
    Future<void> result = EventLoop::current().run_in_executor(work);
    co_await sleep(1s);
}

}  // namespace

TEST_CASE("a job of the executor may sleep, and run a loop, while its own loop goes on") {
    std::string order;
    run_on(sim::Options(), work_beside(order));
    CHECK(order == "lljil");
}

TEST_CASE("jobs begin and end one after the other while their loop's thread sleeps") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) run_on(with_seed(seed), sleep_through_two_jobs());
}

TEST_CASE("the loop's end waits for a job that has begun") {
    bool finished = false;
    run_on(sim::Options(), leave_work_behind(finished));
    CHECK(finished);
}
