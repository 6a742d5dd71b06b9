#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <stdexcept>

namespace {

using namespace runtime_test;

Coro<> child(Log& log, std::string name, Duration duration) {
    SaysAtEnd end(log, name + " ends");
    log.push_back(name + " begins");
    co_await sleep(duration);
    log.push_back(name + " slept");
}

Coro<> fails(Duration duration, std::string what) {
    co_await sleep(duration);
    throw std::runtime_error(what);
}

Coro<> two_children(TaskGroup& group, Log& log) {
    group.start_soon(child, std::ref(log), "a", 2s);
    group.start_soon(child(log, "b", 1s));
    co_await sleep(500ms);
    log.push_back("body ends");
}

Coro<> one_fails(TaskGroup& group, Log& log, Duration body) {
    group.start_soon(child(log, "a", 5s));
    group.start_soon(fails(1s, "broke"));
    SaysAtEnd end(log, "body ends");
    co_await sleep(body);
    log.push_back("body slept");
}

Coro<> several_fail(TaskGroup& group) {
    group.start_soon(fails(1s, "first"));
    group.start_soon(fails(1s, "second"));
    co_await sleep(1h);
}

Coro<> body_fails(TaskGroup& group, Log& log) {
    group.start_soon(child(log, "a", 5s));
    co_await sleep(1s);
    throw std::runtime_error("body broke");
}

}  // namespace

TEST_CASE("task_group returns when the body and all children have") {
    World world;
    Log log;
    world.run(task_group(two_children, std::ref(log)));
    CHECK(world.elapsed() == 2s);
    CHECK(log == Log{"a begins", "b begins", "body ends", "b slept", "b ends", "a slept", "a ends"});
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("the first error cancels siblings and body, and is thrown when all have ended") {
    World world;
    Log log;
    SUBCASE("while the body runs") {
        CHECK_THROWS_WITH(world.run(task_group(one_fails, std::ref(log), Duration(1h))), "broke");
        CHECK(log == Log{"a begins", "body ends", "a ends"});
    }
    SUBCASE("when the body has ended") {
        CHECK_THROWS_WITH(world.run(task_group(one_fails, std::ref(log), Duration(0s))), "broke");
        CHECK(log == Log{"a begins", "body slept", "body ends", "a ends"});
    }
    CHECK(world.elapsed() == 1s);
    CHECK(world.loop.task_count() == 0);
    CHECK(world.lost.empty());
}

TEST_CASE("an error of the body cancels the children") {
    World world;
    Log log;
    CHECK_THROWS_WITH(world.run(task_group(body_fails, std::ref(log))), "body broke");
    CHECK(log == Log{"a begins", "a ends"});
    CHECK(world.elapsed() == 1s);
}

TEST_CASE("several errors are all kept") {
    World world;
    try {
        world.run(task_group(several_fail));
        FAIL("two have failed");
    } catch (const TaskGroupError& error) {
        CHECK(std::string(error.what()) == "2 of a group's tasks failed: first; second");
        REQUIRE(error.errors().size() == 2);
        CHECK(text_of(error.errors()[1]) == "second");
    }
}

TEST_CASE("a cancelled group cancels body and children, waits for them, and is cancelled") {
    World world;
    Log log;
    Task<> task = world.loop.create_task(task_group(two_children, std::ref(log)));
    SUBCASE("in the body") {
        world.turns(2);
    }
    SUBCASE("behind the body") {
        world.run(sleep_for(600ms));
    }
    task.cancel("enough");
    world.turns(4);
    CHECK(task.cancelled());
    CHECK(world.loop.task_count() == 0);
    CHECK(std::count(log.begin(), log.end(), "a ends") == 1);
    CHECK(std::count(log.begin(), log.end(), "a slept") == 0);
}

TEST_CASE("a timeout around a group is a timeout, and leaves no task behind") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> in_time(Log& log) {
            Coro<> group = task_group(two_children, std::ref(log));
            co_await timeout(1500ms, std::move(group));
        }
    };
    CHECK_THROWS_AS(world.run(Bodies::in_time(log)), TimeoutError);
    CHECK(world.loop.task_count() == 0);
    CHECK(log.back() == "a ends");
}

TEST_CASE("a group that cancels itself ends in order") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> stops(TaskGroup& group, Log& log) {
            Task<> first = group.start_soon(child(log, "a", 1h));
            co_await sleep(1s);
            group.cancel("done");
            Task<> late = group.start_soon(child(log, "late", 1h));
            CHECK(group.cancelled());
            CHECK(group.running() == 2);
            co_await sleep(1s);
            log.push_back("not reached");
        }
    };
    world.run(task_group(Bodies::stops, std::ref(log)));
    CHECK(log == Log{"a begins", "a ends"});
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("one child may be cancelled alone, and a child may start siblings") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> starts(TaskGroup& group, Log& log) {
            co_await sleep(1s);
            group.start_soon(child(log, "sibling", 1s));
        }
        static Coro<> body(TaskGroup& group, Log& log) {
            Task<> alone = group.start_soon(child(log, "alone", 1h));
            group.start_soon(starts, std::ref(group), std::ref(log));
            co_await sleep(500ms);
            alone.cancel();
        }
    };
    world.run(task_group(Bodies::body, std::ref(log)));
    CHECK(log == Log{"alone begins", "alone ends", "sibling begins", "sibling slept", "sibling ends"});
    CHECK(world.elapsed() == 2s);
}

TEST_CASE("start_soon keeps what it is given, also a lambda with captures") {
    World world;
    struct Bodies {
        static Coro<> body(TaskGroup& group, std::string& result) {
            {
                std::string text = "a text that is gone when the block ends";
                auto copies = [text, &result](std::string more) -> Coro<> { return append(result, text, more); };
                group.start_soon(copies, std::string(", and an argument"));
            }
            co_return;
        }
        static Coro<> append(std::string& result, std::string text, std::string more) {
            co_await sleep(1s);
            result = text + more;
        }
    };
    std::string result;
    world.run(task_group(Bodies::body, std::ref(result)));
    CHECK(result == "a text that is gone when the block ends, and an argument");
}

TEST_CASE("a body that awaits something cancelled is cancelled itself") {
    World world;
    struct Bodies {
        static Coro<> body(TaskGroup&, Future<int> future) { co_await future; }
    };
    Future<int> future = world.loop.create_future<int>();
    Task<> task = world.loop.create_task(task_group(Bodies::body, future));
    world.turns(2);
    future.cancel();
    world.turns(2);
    CHECK(task.cancelled());
}

TEST_CASE("a loop may end within a group") {
    Log log;
    {
        World world;
        world.loop.create_task(task_group(two_children, std::ref(log)));
        SUBCASE("in the body") {
            world.turns(3);
        }
        SUBCASE("behind the body") {
            world.run(sleep_for(700ms));
        }
    }
    CHECK(std::count(log.begin(), log.end(), "a ends") == 1);
}

TEST_CASE("the error of a child that the body, or a sibling, awaits is one error") {
    World world;
    struct Bodies {
        static Coro<> awaits(Task<> other) { co_await other; }
        static Coro<> body(TaskGroup& group) {
            Task<> child = group.start_soon(fails(1s, "broke"));
            group.start_soon(awaits(child));
            co_await child;
        }
    };
    CHECK_THROWS_WITH_AS(world.run(task_group(Bodies::body)), "broke", std::runtime_error);
    CHECK(world.lost.empty());
}
