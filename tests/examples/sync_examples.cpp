// The examples in the headers of runtime/sync/, between marks that name the header.
#include <stepwise/runtime/sync/barrier.hpp>
#include <stepwise/runtime/sync/condition.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/runtime/sync/semaphore.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/tests/runtime/support.hpp>

using namespace runtime_test;

namespace {

TEST_CASE("one task waits for what another one sets") {
    World world;
    Event event;
    bool went_on = false;
    auto waits = [](Event& event, bool& went_on) -> Coro<void> {
        //[ runtime/sync/event.hpp
        co_await event.wait();
        //]
        went_on = true;
    };
    Task<void> task = world.loop.create_task(waits(event, went_on));
    world.turns(2);
    CHECK_FALSE(went_on);
    //[ runtime/sync/event.hpp
    event.set();
    //]
    world.turns(2);
    CHECK(went_on);
}

TEST_CASE("one task at a time has the lock") {
    World world;
    Lock lock;
    auto example = [](Lock& lock) -> Coro<void> {
        {
            //[ runtime/sync/lock.hpp
            auto guard = co_await lock.acquire();
            //]
            CHECK(lock.locked());
        }
        CHECK_FALSE(lock.locked());
    };
    world.run(example(lock));
}

TEST_CASE("so many have a permit") {
    World world;
    Semaphore semaphore(2);
    auto example = [](Semaphore& semaphore) -> Coro<void> {
        {
            //[ runtime/sync/semaphore.hpp
            auto permit = co_await semaphore.acquire();
            //]
            CHECK(semaphore.free() == 1);
        }
        CHECK(semaphore.free() == 2);
    };
    world.run(example(semaphore));
}

TEST_CASE("a task waits, with the lock given up, until there is an item") {
    World world;
    Lock lock;
    Condition condition;
    std::vector<int> items;
    auto takes = [](Lock& lock, Condition& condition, std::vector<int>& items) -> Coro<int> {
        //[ runtime/sync/condition.hpp
        auto guard = co_await lock.acquire();
        while (items.empty()) co_await condition.wait(guard);
        //]
        co_return items.front();
    };
    Task<int> task = world.loop.create_task(takes(lock, condition, items));
    world.turns(2);
    CHECK_FALSE(lock.locked());
    items.push_back(7);
    condition.notify();
    world.turns(2);
    CHECK(task.result() == 7);
}

TEST_CASE("one of those who meet at a barrier is told so") {
    World world;
    int sums = 0;
    auto sum_up = [&] { ++sums; };
    //[ runtime/sync/barrier.hpp
    Barrier barrier(3);
    //]
    auto comes = [](Barrier& barrier, auto sum_up) -> Coro<void> {
        //[ runtime/sync/barrier.hpp
        bool is_last = co_await barrier.wait();
        if (is_last) sum_up();
        //]
    };
    std::vector<Task<void>> tasks;
    for (int party = 0; party < 3; ++party) tasks.push_back(world.loop.create_task(comes(barrier, sum_up)));
    world.turns(3);
    for (Task<void>& task : tasks) CHECK(task.done());
    CHECK(sums == 1);
}

TEST_CASE("values go from one task to another") {
    World world;
    Queue<int> queue(1);
    int sum = 0;
    auto use = [&](int value) { sum += value; };
    auto puts = [](Queue<int>& queue, int value) -> Coro<void> {
        //[ runtime/sync/queue.hpp
        co_await queue.put(value);
        //]
        queue.close();
    };
    auto gets = [](Queue<int>& queue, auto use) -> Coro<void> {
        //[ runtime/sync/queue.hpp
        while (auto value = co_await queue.get()) use(*value);
        //]
    };
    Task<void> putting = world.loop.create_task(puts(queue, 7));
    world.run(gets(queue, use));
    CHECK(sum == 7);
}

}  // namespace
