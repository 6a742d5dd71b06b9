// What a cancellation may not cut short: finally, shield; and what they let through.
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/shield.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <stdexcept>

namespace {

using namespace runtime_test;

Coro<int> works(Log& log, Duration duration, int value = 1) {
    log.push_back("body begins");
    co_await sleep(duration);
    log.push_back("body ends");
    co_return value;
}

Coro<int> fails(std::string what) {
    throw std::runtime_error(what);
    co_return 0;
}

Coro<> cleans(Log& log, Duration duration) {
    log.push_back("cleanup begins");
    co_await sleep(duration);
    log.push_back("cleanup ends");
}

Coro<> cleanup_fails() {
    throw std::runtime_error("cleanup broke");
    co_return;
}

Coro<> cleanup_gives_up(Log& log) {
    try {
        co_await timeout(1s, sleep_for(1h));
    } catch (const TimeoutError&) {
        log.push_back("gave up");
    }
}

Coro<std::string> reason_of(Duration duration) {
    try {
        co_await sleep(duration);
    } catch (const CancelledError& error) {
        co_return error.what();
    }
    co_return "was not cancelled";
}

}  // namespace

TEST_CASE("finally runs its cleanup behind a body that returned, and gives the body's result") {
    World world;
    Log log;
    CHECK(world.run(finally(works(log, 1s, 7), cleans(log, 1s))) == 7);
    CHECK(log == Log{"body begins", "body ends", "cleanup begins", "cleanup ends"});
    world.run(finally(sleep_for(1s), cleans(log, 0s)));
    CHECK(log.size() == 6);
}

TEST_CASE("finally runs its cleanup behind a body that failed, and throws what the body threw") {
    World world;
    Log log;
    CHECK_THROWS_WITH(world.run(finally(fails("body broke"), cleans(log, 1s))), "body broke");
    CHECK(log == Log{"cleanup begins", "cleanup ends"});
}

TEST_CASE("what a cleanup throws is not lost: thrown behind a result, reported behind an error") {
    World world;
    Log log;
    CHECK_THROWS_WITH(world.run(finally(works(log, 0s), cleanup_fails())), "cleanup broke");
    CHECK(world.lost.empty());
    CHECK_THROWS_WITH(world.run(finally(fails("body broke"), cleanup_fails())), "body broke");
    CHECK(world.lost == Log{"cleanup broke"});
}

TEST_CASE("a cancelled task runs its cleanup to the end before it is cancelled") {
    World world;
    Log log;
    Task<int> task = world.loop.create_task(finally(works(log, 1h), cleans(log, 3s)));
    world.turns(1);
    task.cancel();
    task.cancel();
    world.turns(2);
    CHECK(log == Log{"body begins", "cleanup begins"});
    CHECK(task.cancelling() == 2);
    task.cancel("again");
    world.run(sleep_for(3s));
    world.turns(1);
    CHECK(task.cancelled());
    CHECK(log == Log{"body begins", "cleanup begins", "cleanup ends"});
}

TEST_CASE("a cancellation that comes within the cleanup is thrown at the next await behind it") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> both(Log& log) {
            co_await finally(sleep_for(1s), cleans(log, 3s));
            log.push_back("after it");
            co_await sleep(1s);
            log.push_back("slept");
        }
    };
    Task<> task = world.loop.create_task(Bodies::both(log));
    world.run(sleep_for(2s));
    task.cancel();
    world.run(sleep_for(4s));
    CHECK(task.cancelled());
    CHECK(log == Log{"cleanup begins", "cleanup ends", "after it"});
}

TEST_CASE("a cleanup that does not end is cut short at its deadline") {
    World world;
    Log log;
    CHECK_THROWS_AS(world.run(finally(works(log, 0s), cleans(log, 1h), 2s)), TimeoutError);
    CHECK(world.elapsed() == 2s);
    Task<int> task = world.loop.create_task(finally(works(log, 1h), cleans(log, 1h), 2s));
    world.turns(1);
    task.cancel();
    world.run(sleep_for(3s));
    CHECK(task.cancelled());
    CHECK(world.lost.size() == 1);
}

TEST_CASE("a timeout within a shielded cleanup works, also in a task that was cancelled") {
    World world;
    Log log;
    Task<int> task = world.loop.create_task(finally(works(log, 1h), cleanup_gives_up(log)));
    world.turns(1);
    task.cancel();
    world.run(sleep_for(2s));
    CHECK(log == Log{"body begins", "gave up"});
    CHECK(task.cancelled());
}

TEST_CASE("a timeout around finally waits for the cleanup") {
    World world;
    Log log;
    CHECK_THROWS_AS(world.run([](Log& to) -> Coro<int> {
        Coro<int> body = finally(works(to, 1h), cleans(to, 2s));
        co_return co_await timeout(1s, std::move(body));
    }(log)),
                    TimeoutError);
    CHECK(world.elapsed() == 3s);
    CHECK(log == Log{"body begins", "cleanup begins", "cleanup ends"});
}

TEST_CASE("a finally within a cleanup is shielded, too") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> outer_cleanup(Log& log) { co_await finally(sleep_for(1s), cleans(log, 1s)); }
    };
    Task<int> task = world.loop.create_task(finally(works(log, 1h), Bodies::outer_cleanup(log)));
    world.turns(1);
    task.cancel();
    world.run(sleep_for(3s));
    CHECK(task.cancelled());
    CHECK(log == Log{"body begins", "cleanup begins", "cleanup ends"});
}

TEST_CASE("a loop may end within a body and within a cleanup") {
    Log log;
    World world;
    Task<int> task = world.loop.create_task(finally(works(log, 1h), cleans(log, 1h)));
    world.turns(1);
    SUBCASE("in the body") {}
    SUBCASE("in the cleanup") {
        task.cancel();
        world.turns(2);
        CHECK(log.back() == "cleanup begins");
    }
}

TEST_CASE("shield: a cancelled wait ends at once, what it waited for goes on") {
    World world;
    Log log;
    struct Bodies {
        static Coro<int> waits(Log& log) { co_return co_await shield(works(log, 2s, 5)); }
        static Coro<int> waits_for(Future<int> future) { co_return co_await shield(future); }
    };
    SUBCASE("nobody cancels") {
        CHECK(world.run(Bodies::waits(log)) == 5);
        CHECK(world.run(Bodies::waits_for(world.loop.create_task(works(log, 1s, 6)))) == 6);
    }
    SUBCASE("of a Coro") {
        Task<int> task = world.loop.create_task(Bodies::waits(log));
        world.turns(2);
        task.cancel();
        world.turns(1);
        CHECK(task.cancelled());
        world.run(sleep_for(3s));
        CHECK(log == Log{"body begins", "body ends"});
    }
    SUBCASE("of a task that others wait for") {
        Task<int> inner = world.loop.create_task(works(log, 2s, 9));
        Task<int> first = world.loop.create_task(Bodies::waits_for(inner));
        Task<int> second = world.loop.create_task(Bodies::waits_for(inner));
        world.turns(1);
        first.cancel();
        world.run(sleep_for(3s));
        CHECK(first.cancelled());
        CHECK(second.result() == 9);
    }
}

TEST_CASE("a cancellation tells its first reason, at the await and to who asks for the result") {
    World world;
    Task<std::string> caught = world.loop.create_task(reason_of(1h));
    Task<> uncaught = world.loop.create_task(sleep_for(1h));
    world.turns(1);
    caught.cancel("the user left");
    caught.cancel("too late");
    uncaught.cancel("the user left");
    world.turns(2);
    CHECK(caught.result() == "cancelled: the user left");
    try {
        uncaught.result();
        FAIL("it has no result");
    } catch (const CancelledError& error) {
        CHECK(error.reason() == "the user left");
    }
    Task<std::string> plain = world.loop.create_task(reason_of(1h));
    world.turns(1);
    plain.cancel();
    world.turns(1);
    CHECK(plain.result() == "cancelled");
}

TEST_CASE("a request that a cleanup holds back can be taken back from outside, as it was made") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> main(Log& log) {
            co_await finally(sleep_for(1s), cleans(log, 1s));
            co_await sleep(1s);
            log.push_back("went on");
        }
    };
    Task<> task = world.loop.create_task(Bodies::main(log));
    world.turns(2);
    world.clock.advance(1s);
    world.turns(2);
    REQUIRE(log == Log{"cleanup begins"});
    task.cancel("first");
    task.cancel("second");
    CHECK(task.cancelling() == 2);
    CHECK(task.uncancel() == 1);
    CHECK(task.uncancel() == 0);
    CHECK(task.uncancel() == 0);
    CHECK(task.cancelling() == 0);
    world.loop.run_until_complete<void>(task);
    CHECK(log == Log{"cleanup begins", "cleanup ends", "went on"});
}

TEST_CASE("more requests than can be counted, some held back and some not, are still requests") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> main(Log& log) {
            try {
                co_await finally(sleep_for(1h), cleans(log, 1s));
            } catch (const CancelledError&) {
                log.push_back("cancelled");
            }
            int requests = EventLoop::current().current_task()->cancelling();
            log.push_back(requests > 0 ? "still is" : "lost");
        }
    };
    Task<> task = world.loop.create_task(Bodies::main(log));
    world.turns(2);
    for (int count = 0; count < 20'000; ++count) task.cancel();
    world.turns(2);
    for (int count = 0; count < 20'000; ++count) task.cancel();
    world.loop.run_until_complete<void>(task);
    CHECK(log == Log{"cleanup begins", "cleanup ends", "cancelled", "still is"});
}
