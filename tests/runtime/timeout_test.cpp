#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <stdexcept>

namespace {

using namespace runtime_test;

Coro<int> result_after(Duration duration, int value) {
    co_await sleep(duration);
    co_return value;
}

Coro<int> fails_after(Duration duration) {
    co_await sleep(duration);
    throw std::runtime_error("body broke");
}

Coro<std::string> outcome(Duration limit, Coro<int> body) {
    try {
        int value = co_await timeout(limit, std::move(body));
        co_return "result " + std::to_string(value);
    } catch (const TimeoutError&) {
        co_return "TimeoutError";
    } catch (const std::runtime_error& error) {
        co_return error.what();
    } catch (const CancelledError&) {
        co_return "CancelledError";
    }
}

}  // namespace

TEST_CASE("a body that ends in time gives its result, or its exception, and leaves no timer behind") {
    World world;
    CHECK(world.run(outcome(2s, result_after(1s, 5))) == "result 5");
    CHECK(world.run(outcome(2s, fails_after(1s))) == "body broke");
    CHECK(world.elapsed() == 2s);
    CHECK(world.run(outcome(1h, at_once(6))) == "result 6");
    world.run(sleep_for(2h));
    CHECK(world.elapsed() == 2s + 2h);
}

TEST_CASE("a body that is too late is cancelled, and TimeoutError is thrown") {
    World world;
    CHECK(world.run(outcome(2s, result_after(1h, 5))) == "TimeoutError");
    CHECK(world.elapsed() == 2s);
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("the task goes on as before after its timeout") {
    World world;
    auto body = []() -> Coro<std::string> {
        std::string first = co_await outcome(1s, result_after(1h, 1));
        std::string second = co_await outcome(1h, result_after(1s, 2));
        co_return first + ", " + second;
    };
    CHECK(world.run(body()) == "TimeoutError, result 2");
}

TEST_CASE("a deadline of zero lets the body run up to its first wait") {
    World world;
    CHECK(world.run(outcome(0s, at_once(3))) == "result 3");
    CHECK(world.run(outcome(-1s, at_once(3))) == "result 3");
    CHECK(world.run(outcome(0s, result_after(1s, 3))) == "TimeoutError");
    CHECK(world.elapsed() == 0s);
}

TEST_CASE("the longest limit there is never comes") {
    World world;
    world.clock.advance(1h);
    CHECK(world.run(outcome(Duration::max(), result_after(1s, 3))) == "result 3");
}

TEST_CASE("of two nested timeouts the one whose time is up throws") {
    World world;
    struct Bodies {
        static Coro<int> inner(Duration limit, Log& log) {
            try {
                co_return co_await timeout(limit, result_after(1h, 1));
            } catch (const TimeoutError&) {
                log.push_back("inner TimeoutError");
                co_return -1;
            } catch (const CancelledError&) {
                log.push_back("inner CancelledError");
                throw;
            }
        }
    };
    Log log;
    SUBCASE("the inner one") {
        CHECK(world.run(outcome(2s, Bodies::inner(1s, log))) == "result -1");
        CHECK(log == Log{"inner TimeoutError"});
        CHECK(world.elapsed() == 1s);
    }
    SUBCASE("the outer one") {
        CHECK(world.run(outcome(1s, Bodies::inner(2s, log))) == "TimeoutError");
        CHECK(log == Log{"inner CancelledError"});
        CHECK(world.elapsed() == 1s);
    }
    SUBCASE("both at the same instant: the outer one") {
        CHECK(world.run(outcome(1s, Bodies::inner(1s, log))) == "TimeoutError");
        CHECK(log == Log{"inner CancelledError"});
    }
}

TEST_CASE("a cancellation from outside passes through a timeout unchanged") {
    World world;
    Task<std::string> task = world.loop.create_task(outcome(1h, result_after(2h, 1)));
    world.turns(1);
    task.cancel();
    CHECK(world.loop.run_until_complete(task) == "CancelledError");
    CHECK(task.cancelling() == 1);
    CHECK(world.elapsed() == 0s);
}

TEST_CASE("a cancellation from outside that comes with the timeout wins over it") {
    World world;
    Task<std::string> task = world.loop.create_task(outcome(1s, result_after(2h, 1)));
    world.turns(1);
    SUBCASE("before it") {
        task.cancel();
        world.clock.advance(1s);
    }
    SUBCASE("after it") {
        world.clock.advance(1s);
        world.loop.call_soon([&] { task.cancel(); });
    }
    CHECK(world.loop.run_until_complete(task) == "CancelledError");
    CHECK(task.cancelling() == 1);
}

TEST_CASE("a body that swallows the timeout's cancellation gives its result, and the task is not cancelled") {
    World world;
    struct Bodies {
        static Coro<int> swallows() {
            try {
                co_await sleep(1h);
            } catch (const CancelledError&) {
                co_return 9;
            }
            co_return 0;
        }
        static Coro<std::string> main() {
            std::string first = co_await outcome(1s, swallows());
            co_await sleep(1s);
            co_return first;
        }
    };
    Task<std::string> task = world.loop.create_task(Bodies::main());
    CHECK(world.loop.run_until_complete(task) == "result 9");
    CHECK(task.cancelling() == 0);
}

TEST_CASE("a body that swallows it and waits on is thrown at again, and its end is TimeoutError") {
    World world;
    struct Bodies {
        static Coro<int> swallows(int& thrown) {
            for (;;) {
                try {
                    co_await sleep(1h);
                } catch (const CancelledError&) {
                    if (++thrown == 5) throw;
                }
            }
        }
    };
    int thrown = 0;
    CHECK(world.run(outcome(1s, Bodies::swallows(thrown))) == "TimeoutError");
    CHECK(thrown == 5);
    CHECK(world.elapsed() == 1s);
}

TEST_CASE("a loop that ends within a timeout leaves no timer behind") {
    World outlives;
    {
        World world;
        static_cast<void>(world.loop.create_task(outcome(1h, result_after(2h, 1))));
        world.turns(1);
    }
    outlives.turns(1);
}

TEST_CASE("timeout_at ends its body when the loop's clock reaches the time, so that several share one deadline") {
    World world;
    struct Bodies {
        static Coro<int> two(TimePoint due, Log& log) {
            co_await timeout_at(due, sleep_for(3s));
            log.push_back("first done");
            co_await timeout_at(due, sleep_for(3s));
            co_return 0;
        }
    };
    Log log;
    CHECK_THROWS_AS(world.run(Bodies::two(world.loop.time() + 5s, log)), TimeoutError);
    CHECK(log == Log{"first done"});
    CHECK(world.elapsed() == 5s);
    CHECK_THROWS_AS(world.run(Bodies::two(world.loop.time() - 1s, log)), TimeoutError);
    CHECK(world.elapsed() == 5s);
}
