// Tasks whose first step runs within create_task, and what only a task's coroutine may do.
#include <stepwise/tests/runtime/support.hpp>

using namespace runtime_test;

TEST_CASE("A task that is started eagerly runs up to its first wait within create_task") {
    struct Bodies {
        static Coro<int> body(Log& log) {
            log.push_back("began");
            co_await sleep(1s);
            log.push_back("went on");
            co_return 5;
        }
        static Coro<void> main(Log& log) {
            Task<int> task = EventLoop::current().create_task(body(log), Start::eagerly);
            log.push_back("made");
            log.push_back(std::to_string(co_await task));
        }
    };
    World world;
    Log log;
    world.run(Bodies::main(log));
    CHECK(log == Log{"began", "made", "went on", "5"});
}

TEST_CASE("An eager task that needs no wait is done when create_task returns, with its result or its error") {
    struct Bodies {
        static Coro<int> gives() { co_return 7; }
        static Coro<int> fails() {
            throw std::runtime_error("at once");
            co_return 0;
        }
    };
    World world;
    Task<int> gives = world.loop.create_task(Bodies::gives(), Start::eagerly);
    CHECK(gives.done());
    CHECK(gives.result() == 7);
    Task<int> fails = world.loop.create_task(Bodies::fails(), Start::eagerly);
    CHECK_THROWS_WITH(fails.result(), "at once");
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("The task that starts another eagerly goes on as if nothing had been") {
    struct Bodies {
        static Coro<int> inner() { co_return 1; }
        static Coro<int> calls() { co_return 1 + co_await inner(); }
        static Coro<int> main() {
            EventLoop& loop = EventLoop::current();
            TaskBase* self = loop.current_task();
            int sum = 0;
            for (int round = 0; round < 3000; ++round) {  // more than one step's budget
                Task<int> task = loop.create_task(calls(), Start::eagerly);
                CHECK(loop.current_task() == self);
                sum += co_await calls() + task.result();
            }
            co_return sum;
        }
    };
    World world;
    CHECK(world.run(Bodies::main()) == 12000);
}

TEST_CASE("Eager starts within eager starts are bounded: the deepest begins in the next turn") {
    struct Bodies {
        static Coro<void> nests(int levels, int& deepest) {
            ++deepest;
            if (levels == 0) co_return;
            Task<void> next = EventLoop::current().create_task(nests(levels - 1, deepest), Start::eagerly);
            co_await next;
        }
        static Coro<void> main(int& deepest) {
            Task<void> task = EventLoop::current().create_task(nests(100'000, deepest), Start::eagerly);
            CHECK(deepest == TaskBase::eager_depth_max);
            co_await task;
        }
    };
    World world;
    int deepest = 0;
    world.run(Bodies::main(deepest));
    CHECK(deepest == 100'001);
}

TEST_CASE("A task's result is its coroutine's alone: it cannot be set from outside") {
    struct Bodies {
        static Coro<int> body() {
            co_await sleep(1s);
            co_return 3;
        }
    };
    World world;
    Task<int> task = world.loop.create_task(Bodies::body());
    CHECK_THROWS_AS(task.set_result(4), std::logic_error);
    CHECK_THROWS_AS(task.set_exception(std::make_exception_ptr(1)), std::logic_error);
    while (!task.done()) world.loop.run_once();
    CHECK(task.result() == 3);
}
