#include <stepwise/runtime/sync/condition.hpp>
#include <stepwise/tests/runtime/support.hpp>

namespace {

using namespace runtime_test;

struct Shared {
    Lock lock;
    Condition condition;
    Log log;
};

Coro<> waits(Shared& shared, std::string name) {
    auto guard = co_await shared.lock.acquire();
    SaysAtEnd end(shared.log, name + " ends");
    co_await shared.condition.wait(guard);
    shared.log.push_back(name + (guard ? " holds the lock" : " holds nothing"));
    co_await sleep(1s);
}

Coro<bool> catches(Shared& shared) {
    auto guard = co_await shared.lock.acquire();
    try {
        co_await shared.condition.wait(guard);
    } catch (const CancelledError&) {
        co_return static_cast<bool>(guard) && shared.lock.locked();
    }
    co_return false;
}

}  // namespace

TEST_CASE("who waits gives the lock up, and goes on when it is notified and has the lock again") {
    Shared shared;
    World world;
    world.loop.create_task(waits(shared, "a"));
    world.loop.create_task(waits(shared, "b"));
    world.turns(2);
    CHECK_FALSE(shared.lock.locked());
    CHECK(shared.condition.waiting() == 2);
    {
        auto guard = shared.lock.try_acquire();
        shared.condition.notify_all();
        world.turns(2);
        CHECK(shared.log.empty());
    }
    world.run(sleep_for(3s));
    CHECK(shared.log == Log{"a holds the lock", "a ends", "b holds the lock", "b ends"});
    CHECK_FALSE(shared.lock.locked());
}

TEST_CASE("notify wakes as many as it says, the longest waiting first; nobody is no error") {
    Shared shared;
    World world;
    shared.condition.notify();
    for (const char* name : {"a", "b", "c"}) world.loop.create_task(waits(shared, name));
    world.turns(4);
    CHECK(shared.condition.waiting() == 3);
    shared.condition.notify(2);
    CHECK(shared.condition.waiting() == 1);
    world.run(sleep_for(3s));
    CHECK(shared.log == Log{"a holds the lock", "a ends", "b holds the lock", "b ends"});
}

TEST_CASE("a cancelled wait throws when it has its lock again") {
    Shared shared;
    World world;
    Task<bool> task = world.loop.create_task(catches(shared));
    world.turns(1);
    auto guard = shared.lock.try_acquire();
    task.cancel();
    world.turns(2);
    CHECK_FALSE(task.done());
    guard.release();
    world.turns(1);
    REQUIRE(task.done());
    CHECK(task.result());
    CHECK_FALSE(shared.lock.locked());
}

TEST_CASE("a notification that came before the cancellation is delivered") {
    Shared shared;
    World world;
    Task<> task = world.loop.create_task(waits(shared, "a"));
    world.turns(1);
    auto guard = shared.lock.try_acquire();
    shared.condition.notify();
    task.cancel();
    guard.release();
    world.turns(1);
    CHECK(task.cancelled());
    CHECK(shared.log == Log{"a holds the lock", "a ends"});
    CHECK_FALSE(shared.lock.locked());
}

TEST_CASE("to wait with a guard that holds nothing is a mistake") {
    Shared shared;
    World world;
    struct Bodies {
        static Coro<> waits(Condition& condition) {
            Lock::Guard nothing;
            co_await condition.wait(nothing);
        }
    };
    CHECK_THROWS_AS(world.run(Bodies::waits(shared.condition)), std::logic_error);
}

TEST_CASE("a loop may end while tasks wait to be notified, or for the lock") {
    Shared shared;
    {
        World world;
        world.loop.create_task(waits(shared, "a"));
        world.loop.create_task(waits(shared, "b"));
        world.turns(2);
        auto guard = shared.lock.try_acquire();
        shared.condition.notify();
        guard.release();
    }
    CHECK_FALSE(shared.lock.locked());
}
