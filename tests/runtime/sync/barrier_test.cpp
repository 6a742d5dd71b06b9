#include <stepwise/runtime/sync/barrier.hpp>
#include <stepwise/tests/runtime/support.hpp>

namespace {

using namespace runtime_test;

Coro<> meets(Barrier& barrier, Log& log, std::string name) {
    bool last = co_await barrier.wait();
    log.push_back(name + (last ? " came last" : ""));
}

}  // namespace

TEST_CASE("a barrier opens when the last one has come, and closes behind them") {
    World world;
    Log log;
    Barrier barrier(3);
    for (const char* name : {"a", "b"}) world.loop.create_task(meets(barrier, log, name));
    world.turns(2);
    CHECK(barrier.waiting() == 2);
    CHECK(log.empty());
    world.loop.create_task(meets(barrier, log, "c"));
    world.turns(2);
    CHECK(log == Log{"c came last", "a", "b"});
    CHECK(barrier.waiting() == 0);
    world.loop.create_task(meets(barrier, log, "d"));
    world.turns(2);
    CHECK(barrier.waiting() == 1);
}

TEST_CASE("a barrier of one is always open, one of none is refused") {
    World world;
    Log log;
    Barrier barrier(1);
    world.run(meets(barrier, log, "a"));
    CHECK(log == Log{"a came last"});
    CHECK_THROWS_AS(Barrier(0), std::invalid_argument);
}

TEST_CASE("who is cancelled while it waits has not come") {
    World world;
    Log log;
    Barrier barrier(2);
    Task<> first = world.loop.create_task(meets(barrier, log, "a"));
    world.turns(1);
    first.cancel();
    world.turns(1);
    CHECK(first.cancelled());
    CHECK(barrier.waiting() == 0);
    world.loop.create_task(meets(barrier, log, "b"));
    world.turns(1);
    CHECK(log.empty());
    world.loop.create_task(meets(barrier, log, "c"));
    world.turns(2);
    CHECK(log == Log{"c came last", "b"});
}

TEST_CASE("a loop may end while tasks wait at a barrier") {
    Barrier barrier(2);
    Log log;
    {
        World world;
        world.loop.create_task(meets(barrier, log, "a"));
        world.turns(1);
    }
    CHECK(barrier.waiting() == 0);
}
