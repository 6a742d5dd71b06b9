#include <stepwise/tests/runtime/support.hpp>

namespace {

using namespace runtime_test;

}  // namespace

TEST_CASE("sleepers wake by their time on the loop's clock, and an hour costs nothing") {
    World world;
    Log log;
    for (int hours : {3, 1, 2}) {
        static_cast<void>(
            world.loop.create_task(sleep_then_log(std::chrono::hours(hours), log, std::to_string(hours))));
    }
    world.run(sleep_for(4h));
    CHECK(log == Log{"1", "2", "3"});
    CHECK(world.elapsed() == 4h);
}

TEST_CASE("sleep of zero, or less, lets everything that is ready run first, and takes one turn") {
    for (Duration none : {Duration(0s), Duration(-5s)}) {
        World world;
        Log log;
        static_cast<void>(world.loop.create_task(sleep_then_log(none, log, "slept")));
        world.loop.call_soon([&] { log.push_back("ready"); });
        world.turns(1);
        CHECK(log == Log{"ready"});
        world.turns(1);
        CHECK(log == Log{"ready", "slept"});
        CHECK(world.elapsed() == 0s);
    }
}

TEST_CASE("a cancelled sleep ends at once and leaves no timer behind") {
    World world;
    Log log;
    Task<> task = world.loop.create_task(sleep_then_log(1h, log, "slept"));
    world.turns(1);
    task.cancel();
    world.turns(1);
    CHECK(task.cancelled());
    world.run(sleep_for(2h));
    CHECK(world.elapsed() == 2h);
    CHECK(log.empty());
}

TEST_CASE("a sleep whose time has come is over, although the cancel comes in the same turn") {
    World world;
    Log log;
    Task<> task = world.loop.create_task(sleep_then_log(1s, log, "slept"));
    world.turns(1);
    world.clock.advance(1s);
    world.loop.call_soon([&] { task.cancel(); });
    world.turns(1);
    CHECK(log == Log{"slept"});
    CHECK(task.done());
    CHECK_FALSE(task.cancelled());
}

TEST_CASE("on the real clock a sleep lasts at least as long as it was asked to") {
    EventLoop loop;
    TimePoint before = loop.time();
    loop.run_until_complete(sleep_for(2ms));
    CHECK(loop.time() - before >= 2ms);
}
