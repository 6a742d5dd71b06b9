// The laws of the runtime that can be seen from outside, each by its number. Law 4 is in allocation_test.cpp; the
// cancellation of every operation, law 7, in io_test.cpp.
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sync/condition.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <latch>
#include <thread>

namespace {

using namespace runtime_test;

Coro<long> sum_of_awaits(int count) {
    long sum = 0;
    for (int at = 0; at < count; ++at) sum += co_await at_once(at);
    co_return sum;
}

Coro<int> nested(int depth) {
    if (depth == 0) co_return 0;
    co_return co_await nested(depth - 1) + 1;
}

Coro<int> nested_sleep(int depth, Duration duration) {
    if (depth == 0) {
        co_await sleep(duration);
        co_return 0;
    }
    co_return co_await nested_sleep(depth - 1, duration) + 1;
}

Coro<int> nested_failure(int depth) {
    if (depth == 0) throw std::runtime_error("from the deep");
    co_return co_await nested_failure(depth - 1) + 1;
}

Coro<> waits_for(Event& event) {
    co_await event.wait();
}

Coro<> waits_for(Condition& condition, Lock& lock) {
    Lock::Guard guard = co_await lock.acquire();
    co_await condition.wait(guard);
}

Coro<> gets_from(Queue<int>& queue) {
    co_await queue.get();
}

Coro<> puts_into(Queue<int>& queue) {
    co_await queue.put(2);
}

constexpr int deep = 100'000;

}  // namespace

TEST_CASE("law 1: a million awaits that finish at once need no stack") {
    World world;
    constexpr long million = 1'000'000;
    CHECK(world.run(sum_of_awaits(million)) == million * (million - 1) / 2);
}

TEST_CASE("law 1: a chain of 100,000 nested awaits needs no stack, whether it finishes at once, sleeps or fails") {
    World world;
    CHECK(world.run(nested(deep)) == deep);
    CHECK(world.run(nested_sleep(deep, 1s)) == deep);
    CHECK_THROWS_WITH(world.run(nested_failure(1000)), "from the deep");
}

TEST_CASE("law 1: a chain of 100,000 nested awaits is cancelled, and destroyed with its loop, without a deep stack") {
    World world;
    Task<int> task = world.loop.create_task(nested_sleep(20'000, 1h));
    world.turns(100);
    task.cancel();
    CHECK_THROWS_AS(world.loop.run_until_complete(task), CancelledError);
    {
        World ends;
        static_cast<void>(ends.loop.create_task(nested_sleep(deep, 1h)));
        ends.turns(500);
    }
}

TEST_CASE("law 2: whatever completes, the task goes on in a handle of its own, never inside the completer") {
    World world;
    struct Bodies {
        static Coro<> waits(Future<> future, bool& inside, bool& went_on) {
            co_await future;
            CHECK_FALSE(inside);
            went_on = true;
        }
    };
    bool inside = false;
    std::array<bool, 4> went_on{};
    std::vector<Future<>> futures;
    for (bool& on : went_on) {
        futures.push_back(world.loop.create_future());
        static_cast<void>(world.loop.create_task(Bodies::waits(futures.back(), inside, on)));
    }
    auto completes = [&](std::size_t at) {
        inside = true;
        futures[at].set_result();
        inside = false;
        CHECK_FALSE(went_on[at]);
    };
    world.turns(1);
    completes(0);
    world.loop.call_later(1s, [&] { completes(1); });
    world.loop.call_soon_threadsafe([&] { completes(2); });
    Future<> job = world.loop.run_in_executor([] {});
    job.add_done_callback([&](Future<>) { completes(3); });
    world.run(sleep_for(2s));
    while (went_on != std::array{true, true, true, true}) world.loop.run_once();
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("law 3: a recv that is cancelled keeps its buffer until the kernel lets go, and no byte is lost") {
    std::array<int, 2> both{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both.data()) == 0);
    UniqueFd here(both[0]);
    UniqueFd there(both[1]);
    World world;
    struct Bodies {
        static Coro<> receives(int fd, std::string& received) {
            std::string buffer(8, ' ');
            std::size_t count = co_await io::recv(fd, buffer);
            received += buffer.substr(0, count);
        }
    };
    std::string sent;
    std::string received;
    for (int round = 0; round < 200; ++round) {
        Task<> task = world.loop.create_task(Bodies::receives(here.get(), received));
        world.turns(round % 3);
        std::string text = std::to_string(round) + ";";
        REQUIRE(::write(there.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        sent += text;
        if (round % 4 == 0) world.turns(1);
        task.cancel();
        while (!task.done()) world.loop.run_once();
    }
    there.reset();
    for (std::size_t before = received.size() + 1; before != received.size();) {
        before = received.size();
        world.run(Bodies::receives(here.get(), received));
    }
    CHECK(received == sent);
    world.loop.reactor().forget(here.get());
}

TEST_CASE("law 5: a call from another thread throws std::logic_error that names the call and the door") {
    // Each with somebody who waits.
    Event event;
    Lock lock;
    Condition condition;
    Queue<int> empty(1);
    Queue<int> full(1);
    World world;
    Future<> future = world.loop.create_future();
    Task<> task = world.loop.create_task(sleep_for(1h));
    full.try_put(1);
    world.loop.create_task(waits_for(event));
    world.loop.create_task(waits_for(condition, lock));
    world.loop.create_task(gets_from(empty));
    world.loop.create_task(puts_into(full));
    world.turns(1);
    std::vector<std::pair<std::string, std::function<void()>>> calls{
        {"EventLoop::call_soon", [&] { world.loop.call_soon([] {}); }},
        {"EventLoop::call_at", [&] { world.loop.call_later(1s, [] {}); }},
        {"EventLoop::create_task", [&] { static_cast<void>(world.loop.create_task(sleep_for(1s))); }},
        {"EventLoop::create_future", [&] { static_cast<void>(world.loop.create_future()); }},
        {"EventLoop::run_in_executor", [&] { static_cast<void>(world.loop.run_in_executor([] {})); }},
        {"EventLoop::stop", [&] { world.loop.stop(); }},
        {"EventLoop::add_reader", [&] { world.loop.add_reader(0, [] {}); }},
        {"EventLoop::add_writer", [&] { world.loop.add_writer(0, [] {}); }},
        {"EventLoop::remove_reader", [&] { world.loop.remove_reader(0); }},
        {"EventLoop::remove_writer", [&] { world.loop.remove_writer(0); }},
        {"EventLoop::add_signal_handler", [&] { world.loop.add_signal_handler(10, [] {}); }},
        {"EventLoop::remove_signal_handler", [&] { world.loop.remove_signal_handler(10); }},
        {"EventLoop::cancel_all_tasks", [&] { world.loop.cancel_all_tasks(); }},
        {"Future::set_result", [&] { future.set_result(); }},
        {"Future::cancel", [&] { future.cancel(); }},
        {"Future::add_done_callback", [&] { future.add_done_callback([](Future<>) {}); }},
        {"Task::cancel", [&] { task.cancel(); }},
        {"Event::set", [&] { event.set(); }},
        {"Condition::notify", [&] { condition.notify(); }},
        {"Condition::notify_all", [&] { condition.notify_all(); }},
        {"Queue::try_put", [&] { empty.try_put(2); }},
        {"Queue::close", [&] { empty.close(); }},
        {"Queue::close", [&] { full.close(); }},
        {"Queue::try_get", [&] { full.try_get(); }},
    };
    for (auto& [name, call] : calls) {
        CAPTURE(name);
        std::string said;
        std::thread([&said, &call = call] {
            try {
                call();
            } catch (const std::logic_error& error) {
                said = error.what();
            }
        }).join();
        CHECK(said.starts_with(name + " was called from a thread that is not the loop's."));
        CHECK(said.find("call_soon_threadsafe") != std::string::npos);
    }
    CHECK_FALSE(future.done());
    CHECK_FALSE(task.done());
    CHECK(world.loop.task_count() == 5);
    world.turns(2);
}

TEST_CASE("law 5: a loop that runs refuses to be run by another thread") {
    World world;
    Log log;
    world.loop.call_soon([&] {
        std::thread([&] {
            for (auto run : {+[](World& it) { it.loop.run_once(false); }, +[](World& it) { it.loop.run_forever(); },
                             +[](World& it) { it.run(at_once(1)); }}) {
                try {
                    run(world);
                } catch (const std::logic_error&) {
                    log.push_back("refused");
                }
            }
        }).join();
        world.loop.call_soon([&] { log.push_back("still on its own thread"); });
    });
    world.run(sleep_for(1s));
    CHECK(log == Log{"refused", "refused", "refused", "still on its own thread"});
}

TEST_CASE("law 7: cancellation is not a std::exception, and is thrown at every await until it is taken back") {
    static_assert(!std::is_base_of_v<std::exception, CancelledError>);
    World world;
    struct Bodies {
        static Coro<> awaits_all(Log& log) {
            EventLoop& loop = EventLoop::current();
            for (int round = 0; round < 6; ++round) {
                try {
                    co_await one_of_many(round, loop);
                    log.push_back("not thrown");
                } catch (const std::exception& error) {
                    log.push_back(error.what());
                } catch (const CancelledError&) {
                    log.push_back("cancelled");
                }
            }
        }
        static Coro<> one_of_many(int round, EventLoop& loop) {
            if (round == 0) co_await sleep(1h);
            if (round == 1) co_await sleep(0s);
            if (round == 2) co_await loop.create_future();
            if (round == 3) co_await loop.create_task(at_once(1));
            if (round == 4) co_await both(sleep_for(1h), sleep_for(1h));
            if (round == 5) co_await timeout(1h, sleep_for(2h));
        }
        static Coro<> both(Coro<> first, Coro<> second) { co_await gather(std::move(first), std::move(second)); }
    };
    Log log;
    Task<> task = world.loop.create_task(Bodies::awaits_all(log));
    world.turns(1);
    task.cancel();
    world.loop.run_until_complete(task);
    CHECK(log == Log(6, "cancelled"));
    CHECK(world.elapsed() == 0s);
}

TEST_CASE("law 8: awaits that finish at once use up a budget, so that a timer gets its turn") {
    struct Bodies {
        static Coro<> of_coros(const bool& over, long& awaits) {
            while (!over) awaits += co_await at_once(1);
        }
        static Coro<> of_futures(const bool& over, long& awaits) {
            Future<int> done = EventLoop::current().create_future<int>();
            done.set_result(1);
            while (!over) awaits += co_await done;
        }
        static Coro<> of_gathers(const bool& over, long& awaits) {
            while (!over) {
                std::vector<Coro<>> none;
                co_await gather(std::move(none));
                ++awaits;
            }
        }
        static Coro<> of_timeouts(const bool& over, long& awaits) {
            while (!over) awaits += co_await timeout(1h, at_once(1));
        }
    };
    for (auto body : {Bodies::of_coros, Bodies::of_futures, Bodies::of_gathers, Bodies::of_timeouts}) {
        World world;
        bool over = false;
        long awaits = 0;
        static_cast<void>(world.loop.create_task(body(over, awaits)));
        bool others_ran = false;
        world.loop.call_soon([&] { others_ran = true; });
        world.turns(1);
        CHECK(others_ran);
        CHECK(awaits > TaskBase::awaits_per_step_max / 4);
        CHECK(awaits <= TaskBase::awaits_per_step_max);
        world.clock.advance(1s);
        world.loop.call_later(0s, [&] { over = true; });
        world.turns(3);
        CHECK(world.loop.task_count() == 0);
    }
}

TEST_CASE("law 8: a timer waits for one budget of each task that is ready, for two if they run as it becomes due") {
    constexpr long tasks = 100;
    struct Due {
        ManualClock& clock;
        long awaits = 0;
        long awaits_before = 0;
        bool now = false;
        bool over = false;

        void comes() {
            now = false;
            awaits_before = awaits;
            clock.advance(1ms);
        }
    };
    struct Bodies {
        static Coro<> always_ready(Due& due, bool looks) {
            while (!due.over) {
                due.awaits += co_await at_once(1);
                if (looks && due.now) due.comes();
            }
        }
    };
    World world;
    Due due{world.clock};
    for (long count = 0; count < tasks; ++count) {
        static_cast<void>(world.loop.create_task(Bodies::always_ready(due, count == tasks / 2)));
    }
    world.turns(3);
    CHECK(due.awaits >= tasks * TaskBase::awaits_per_step_max);
    long waited = -1;
    auto fire = [&] { waited = due.awaits - due.awaits_before; };
    world.loop.call_later(1ms, fire);
    due.comes();
    world.turns(1);
    CHECK(waited >= 0);
    CHECK(waited <= tasks * TaskBase::awaits_per_step_max);
    waited = -1;
    world.loop.call_later(1ms, fire);
    due.now = true;
    world.turns(2);
    CHECK(waited >= 0);
    CHECK(waited <= 2 * tasks * TaskBase::awaits_per_step_max);
    due.over = true;
    world.turns(3);
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("law 9: the executor's queue is bounded, and says which option decides it") {
    EventLoop::Options options;
    options.thread_pool.threads_max = 1;
    options.thread_pool.queued_jobs_max = 3;
    World world(options);
    std::latch begun(1);
    std::latch may_end(1);
    std::vector<Future<>> jobs;
    jobs.push_back(world.loop.run_in_executor([&] {
        begun.count_down();
        may_end.wait();
    }));
    begun.wait();
    for (int count = 0; count < 3; ++count) jobs.push_back(world.loop.run_in_executor([] {}));
    auto one_too_many = [] {};
    CHECK_THROWS_WITH_AS(static_cast<void>(world.loop.run_in_executor(one_too_many)),
                         "the thread pool's queue is full: 3 jobs wait for 1 threads (queued_jobs_max)", LimitError);
    may_end.count_down();
    for (Future<>& job : jobs) world.loop.run_until_complete(job);
}
