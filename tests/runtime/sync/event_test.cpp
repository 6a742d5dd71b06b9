#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/tests/runtime/support.hpp>

namespace {

using namespace runtime_test;

Coro<> logs_when_set(Event& event, Log& log, std::string name) {
    co_await event.wait();
    log.push_back(std::move(name));
}

// Lets every task that is ready run up to its next wait.
Coro<> wait_set_clear(Event& event, int times) {
    for (; times > 0; --times) {
        co_await event.wait();
        event.clear();
    }
}

}  // namespace

TEST_CASE("an event lets all who wait go on, in the order in which they came, in the next turn") {
    World world;
    Log log;
    Event event;
    for (const char* name : {"a", "b", "c"}) world.loop.create_task(logs_when_set(event, log, name));
    world.turns(1);
    CHECK(log.empty());
    event.set();
    CHECK(log.empty());
    world.turns(1);
    CHECK(log == Log{"a", "b", "c"});
}

TEST_CASE("an event that is set holds nobody up, until it is cleared") {
    World world;
    Log log;
    Event event;
    event.set();
    event.set();
    world.run(logs_when_set(event, log, "at once"));
    CHECK(log == Log{"at once"});
    event.clear();
    CHECK_FALSE(event.is_set());
    Task<> task = world.loop.create_task(logs_when_set(event, log, "later"));
    world.turns(3);
    CHECK_FALSE(task.done());
    event.set();
    event.clear();
    world.turns(1);
    CHECK(log == Log{"at once", "later"});
}

TEST_CASE("a cancelled wait leaves the event to the others") {
    World world;
    Log log;
    Event event;
    Task<> first = world.loop.create_task(logs_when_set(event, log, "a"));
    Task<> second = world.loop.create_task(logs_when_set(event, log, "b"));
    world.turns(1);
    first.cancel();
    event.set();
    world.turns(1);
    CHECK(first.cancelled());
    CHECK(log == Log{"b"});
    CHECK(second.done());
}

TEST_CASE("a wait that was granted before its task was cancelled is delivered; the next await throws") {
    World world;
    Event event;
    struct Bodies {
        static Coro<> twice(Event& event, Log& log) {
            co_await event.wait();
            log.push_back("granted");
            co_await event.wait();
        }
    };
    Log log;
    Task<> task = world.loop.create_task(Bodies::twice(event, log));
    world.turns(1);
    event.set();
    task.cancel();
    world.turns(2);
    CHECK(log == Log{"granted"});
    CHECK(task.cancelled());
}

TEST_CASE("an event that ends while tasks wait for it tells them so") {
    World world;
    struct Bodies {
        static Coro<std::string> waits(Event& event) {
            try {
                co_await event.wait();
            } catch (const std::logic_error& error) {
                co_return error.what();
            }
            co_return "went on";
        }
    };
    auto event = std::make_unique<Event>();
    Task<std::string> task = world.loop.create_task(Bodies::waits(*event));
    world.turns(1);
    event.reset();
    world.turns(1);
    REQUIRE(task.done());
    CHECK(task.result() == "what this task waited for was destroyed");
}

TEST_CASE("a loop may end while tasks wait for an event of theirs or of another task") {
    World world;
    struct Bodies {
        static Coro<> owns(Event*& event) {
            Event own;
            event = &own;
            co_await own.wait();
        }
        static Coro<> borrows(Event*& event) { co_await event->wait(); }
    };
    Event* event = nullptr;
    world.loop.create_task(Bodies::owns(event));
    world.turns(1);
    world.loop.create_task(Bodies::borrows(event));
    world.turns(1);
    CHECK(world.loop.task_count() == 2);
}

TEST_CASE("many waits in a row that are granted one by one") {
    World world;
    Event event;
    Task<> task = world.loop.create_task(wait_set_clear(event, 100'000));
    while (!task.done()) {
        event.set();
        world.turns(1);
    }
    CHECK(task.done());
}
