#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/runtime/sync/semaphore.hpp>
#include <stepwise/tests/runtime/support.hpp>

namespace {

using namespace runtime_test;

Coro<> works(Semaphore& semaphore, Log& log, std::string name) {
    auto permit = co_await semaphore.acquire();
    log.push_back(name + " in");
    co_await sleep(1s);
    log.push_back(name + " out");
}

Coro<> holds(Lock& lock, Log& log, std::string name) {
    auto guard = co_await lock.acquire();
    log.push_back(name + " in");
    co_await sleep(1s);
    log.push_back(name + " out");
}

}  // namespace

TEST_CASE("a semaphore lets so many in, and the others when one leaves, in order") {
    World world;
    Log log;
    Semaphore semaphore(2);
    Task<> last = world.loop.create_task(works(semaphore, log, "a"));
    for (const char* name : {"b", "c", "d"}) last = world.loop.create_task(works(semaphore, log, name));
    world.turns(1);
    CHECK(semaphore.free() == 0);
    CHECK(semaphore.waiting() == 2);
    world.run(sleep_for(2s));
    world.turns(1);
    CHECK(log == Log{"a in", "b in", "a out", "b out", "c in", "d in", "c out", "d out"});
    CHECK(semaphore.free() == 2);
    CHECK(last.done());
}

TEST_CASE("a lock lets one in at a time, and nobody overtakes who waits") {
    World world;
    Log log;
    Lock lock;
    world.loop.create_task(holds(lock, log, "a"));
    world.loop.create_task(holds(lock, log, "b"));
    world.turns(1);
    CHECK(lock.locked());
    CHECK_FALSE(lock.try_acquire());
    struct Bodies {
        // At the moment when a leaves: the lock is b's already.
        static Coro<> tries(Lock& lock, Log& log) {
            co_await sleep(1s);
            log.push_back(lock.try_acquire() ? "overtook" : "held");
        }
    };
    world.run(Bodies::tries(lock, log));
    world.run(sleep_for(2s));
    CHECK(log == Log{"a in", "a out", "held", "b in", "b out"});
    CHECK_FALSE(lock.locked());
}

TEST_CASE("a permit can be moved, given back early, and tried for") {
    Semaphore semaphore(1);
    Semaphore::Permit permit = semaphore.try_acquire();
    CHECK(permit);
    CHECK_FALSE(semaphore.try_acquire());
    Semaphore::Permit other = std::move(permit);
    CHECK(other);
    other.release();
    other.release();
    CHECK(semaphore.free() == 1);
    permit = semaphore.try_acquire();
    permit = Semaphore::Permit();
    CHECK(semaphore.free() == 1);
}

TEST_CASE("a cancelled acquire holds nothing") {
    World world;
    Log log;
    Lock lock;
    Task<> first = world.loop.create_task(holds(lock, log, "a"));
    Task<> second = world.loop.create_task(holds(lock, log, "b"));
    Task<> third = world.loop.create_task(holds(lock, log, "c"));
    world.turns(1);
    SUBCASE("of one that waits") {
        second.cancel();
    }
    SUBCASE("of one that is cancelled before it starts to wait") {
        Task<> late = world.loop.create_task(holds(lock, log, "late"));
        late.start_even_if_cancelled();
        late.cancel();
        second.cancel();
        world.turns(2);
        CHECK(late.cancelled());
    }
    world.run(sleep_for(3s));
    CHECK(second.cancelled());
    CHECK(log == Log{"a in", "a out", "c in", "c out"});
    CHECK_FALSE(lock.locked());
}

TEST_CASE("a task that is cancelled between the grant and its step has the lock, and gives it back") {
    World world;
    Log log;
    Lock lock;
    auto guard = lock.try_acquire();
    Task<> second = world.loop.create_task(holds(lock, log, "b"));
    Task<> third = world.loop.create_task(holds(lock, log, "c"));
    world.turns(1);
    guard.release();
    second.cancel();
    world.run(sleep_for(2s));
    CHECK(second.cancelled());
    CHECK(log == Log{"b in", "c in", "c out"});
    CHECK_FALSE(lock.locked());
}

TEST_CASE("a loop may end between a grant and its step") {
    Lock lock;
    {
        World world;
        Log log;
        auto guard = lock.try_acquire();
        world.loop.create_task(holds(lock, log, "b"));
        world.turns(1);
        guard.release();
    }
    CHECK_FALSE(lock.locked());
}
