#include <stepwise/tests/runtime/support.hpp>

#include <stdexcept>

namespace {

using namespace runtime_test;

Coro<int> fails(std::string what) {
    throw std::runtime_error(what);
    co_return 0;
}

Coro<> logs_waits_logs(Future<int> future, Log& log) {
    log.push_back("step: begins");
    int value = co_await future;
    log.push_back("step: got " + std::to_string(value));
}

}  // namespace

TEST_CASE("A56: a task goes step, suspend, wakeup, step; the wakeup only queues") {
    World world;
    Log log;
    Future<int> future = world.loop.create_future<int>();
    Task<> task = world.loop.create_task(logs_waits_logs(future, log));
    log.push_back("made");
    world.turns(1);
    CHECK(task.shared_state().as_task()->suspended());
    log.push_back("suspended");
    future.set_result(3);
    CHECK_FALSE(task.shared_state().as_task()->suspended());
    log.push_back("woken");
    CHECK_FALSE(task.done());
    world.turns(1);
    CHECK(task.done());
    CHECK(log == Log{"made", "step: begins", "suspended", "woken", "step: got 3"});
}

TEST_CASE("A56: a task is a future: it is awaited, has callbacks and a result") {
    World world;
    Log log;
    Task<int> task = world.loop.create_task(at_once(8));
    Future<int> as_future = task;
    task.add_done_callback([&log](Future<int> done) { log.push_back("done " + std::to_string(done.result())); });
    CHECK(world.run(wait_for(as_future)) == 8);
    world.turns(1);
    CHECK(log == Log{"done 8"});
    CHECK(task.result() == 8);
}

TEST_CASE("a task runs on when its handle is dropped") {
    World world;
    Log log;
    static_cast<void>(world.loop.create_task(sleep_then_log(1s, log, "still ran")));
    world.run(sleep_for(2s));
    CHECK(log == Log{"still ran"});
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("the exception of a task whose handle is gone is reported; one that was retrieved is not") {
    World world;
    static_cast<void>(world.loop.create_task(fails("nobody can ask")));
    Task<int> asked = world.loop.create_task(fails("asked for"));
    world.turns(1);
    CHECK(world.lost == Log{"nobody can ask"});
    CHECK_THROWS_WITH(asked.result(), "asked for");
    CHECK_THROWS_WITH(world.run(fails("thrown by run_until_complete")), "thrown by run_until_complete");
    CHECK(world.lost.size() == 1);
}

TEST_CASE("a task that awaits itself gets std::logic_error") {
    World world;
    struct Bodies {
        static Coro<std::string> await_it(std::optional<Future<std::string>>& task) {
            try {
                co_await *task;
            } catch (const std::logic_error& error) {
                co_return error.what();
            }
            co_return "it could";
        }
    };
    std::optional<Future<std::string>> itself;
    Task<std::string> task = world.loop.create_task(Bodies::await_it(itself));
    task.set_name("narcissus");
    itself.emplace(task);
    world.turns(1);
    REQUIRE(task.done());
    CHECK(task.result() == "a task cannot await itself: narcissus");
    CHECK(task.name() == "narcissus");
}

TEST_CASE("tasks are numbered by their loop") {
    World world;
    Task<int> first = world.loop.create_task(at_once(1));
    Task<int> second = world.loop.create_task(at_once(2));
    CHECK(first.name() == "Task-1");
    CHECK(second.name() == "Task-2");
    world.turns(1);
    CHECK(first.name() == "Task-1");
}

TEST_CASE("a task that must begin does so although it was cancelled, and its first await throws") {
    World world;
    Log log;
    Future<int> future = world.loop.create_future<int>();
    Task<> task = world.loop.create_task(logs_waits_logs(future, log));
    task.start_even_if_cancelled();
    task.cancel();
    world.turns(1);
    CHECK(log == Log{"step: begins"});
    CHECK(task.cancelled());
}

TEST_CASE("a task that is cancelled before its first step never begins, and its frame ends") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> body(Log& log, SaysAtEnd) {
            log.push_back("began");
            co_return;
        }
    };
    Task<> task = world.loop.create_task(Bodies::body(log, SaysAtEnd(log, "frame ended")));
    CHECK(task.cancel());
    CHECK_FALSE(task.done());
    world.turns(1);
    CHECK(task.cancelled());
    CHECK(log == Log{"frame ended"});
    CHECK_FALSE(task.cancel());
}

TEST_CASE("a cancelled task cleans up as it unwinds, and is done some turns later") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> inner(Log& log) {
            SaysAtEnd says(log, "inner cleaned up");
            co_await sleep(1h);
        }
        static Coro<> outer(Log& log) {
            SaysAtEnd says(log, "outer cleaned up");
            co_await inner(log);
        }
    };
    Task<> task = world.loop.create_task(Bodies::outer(log));
    world.turns(1);
    CHECK(task.cancel());
    CHECK(log.empty());
    world.turns(1);
    CHECK(task.cancelled());
    CHECK(log == Log{"inner cleaned up", "outer cleaned up"});
    CHECK(world.elapsed() == 0s);
}

TEST_CASE("cancelling a task that waits for a task cancels that one first, and waits for its end") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> child(Log& log) {
            SaysAtEnd says(log, "child");
            co_await sleep(1h);
        }
        static Coro<> parent(Log& log) {
            SaysAtEnd says(log, "parent");
            Task<> task = EventLoop::current().create_task(child(log));
            co_await task;
        }
    };
    Task<> task = world.loop.create_task(Bodies::parent(log));
    world.turns(2);
    task.cancel();
    world.turns(3);
    CHECK(task.cancelled());
    CHECK(log == Log{"child", "parent"});
}

namespace {

// Swallows what is thrown at its first await, and tells what its second does.
Coro<std::string> swallows(bool takes_back, Task<std::string>*& itself) {
    try {
        co_await sleep(1h);
    } catch (...) {
        // Only to swallow it.
    }
    if (takes_back) itself->uncancel();
    try {
        co_await sleep(1s);
    } catch (const CancelledError&) {
        co_return "thrown again";
    }
    co_return "slept";
}

}  // namespace

TEST_CASE("a cancellation that was swallowed is thrown again at the next await") {
    World world;
    Task<std::string>* itself = nullptr;
    Task<std::string> task = world.loop.create_task(swallows(false, itself));
    world.turns(1);
    task.cancel();
    world.turns(1);
    REQUIRE(task.done());
    CHECK(task.result() == "thrown again");
    CHECK(task.cancelling() == 1);
}

TEST_CASE("after uncancel the task awaits as before, and can be cancelled again") {
    World world;
    Task<std::string>* itself = nullptr;
    Task<std::string> task = world.loop.create_task(swallows(true, itself));
    itself = &task;
    world.turns(1);
    task.cancel();
    world.turns(1);
    CHECK_FALSE(task.done());
    CHECK(task.cancelling() == 0);
    SUBCASE("and slept to its end") {
        CHECK(world.loop.run_until_complete(task) == "slept");
    }
    SUBCASE("and is cancelled at the second await") {
        task.cancel();
        CHECK(world.loop.run_until_complete(task) == "thrown again");
    }
}

TEST_CASE("requests to cancel are counted, and uncancel takes back one of them") {
    World world;
    Task<> task = world.loop.create_task(sleep_for(1s));
    world.turns(1);
    CHECK(task.uncancel() == 0);
    CHECK(task.cancel());
    CHECK(task.cancel());
    CHECK(task.cancelling() == 2);
    CHECK(task.uncancel() == 1);
    world.turns(1);
    CHECK(task.cancelled());
}

TEST_CASE("a result that came before the cancel is delivered, and the cancel is thrown at the next await") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> body(Future<int> future, Log& log) {
            log.push_back("got " + std::to_string(co_await future));
            try {
                co_await sleep(0s);
            } catch (const CancelledError&) {
                log.push_back("cancelled");
                throw;
            }
        }
    };
    Future<int> future = world.loop.create_future<int>();
    Task<> task = world.loop.create_task(Bodies::body(future, log));
    world.turns(1);
    future.set_result(4);
    task.cancel();
    world.turns(1);
    CHECK(log == Log{"got 4", "cancelled"});
    CHECK(task.cancelled());
}

TEST_CASE("a CancelledError that the body throws itself makes the task cancelled") {
    World world;
    auto body = []() -> Coro<> {
        co_await sleep(0s);
        throw CancelledError();
    };
    Task<> task = world.loop.create_task(body());
    CHECK_THROWS_AS(world.loop.run_until_complete(task), CancelledError);
    CHECK(task.cancelled());
    CHECK(world.lost.empty());
}

TEST_CASE("the loop's end destroys a pending task: its frames end, its callbacks are not called") {
    Log log;
    std::optional<Task<>> task;
    struct Bodies {
        static Coro<> body(SaysAtEnd) { co_await sleep(1h); }
    };
    {
        World world;
        task.emplace(world.loop.create_task(Bodies::body(SaysAtEnd(log, "frame ended"))));
        task->add_done_callback([&log](Future<>) { log.push_back("called"); });
        world.turns(1);
    }
    CHECK(log == Log{"frame ended"});
    CHECK(task->cancelled());
}

TEST_CASE("a frame that wakes its own task while the loop's end destroys it does no harm") {
    struct Bodies {
        static Coro<> waits(Future<> future) { co_await future; }
        static Coro<> body(Future<> future) {
            Coro<> child = waits(future);
            AtEnd sets_it([&] { future.set_result(); });
            co_await child;
        }
        static Coro<> cancels(std::optional<Task<>>& itself) {
            AtEnd cancels_it([&] { itself->cancel(); });
            co_await sleep(1h);
        }
    };
    std::optional<Task<>> itself;
    {
        World world;
        static_cast<void>(world.loop.create_task(Bodies::body(world.loop.create_future())));
        itself.emplace(world.loop.create_task(Bodies::cancels(itself)));
        world.turns(1);
    }
    CHECK(itself->cancelled());
}

TEST_CASE("a frame that makes a task, a call and a timer while the loop ends leaves nothing behind") {
    Log log;
    struct Bodies {
        static Coro<> never(SaysAtEnd) { co_return; }
        static Coro<> body(Log& log) {
            AtEnd makes_more([&log] {
                EventLoop& loop = EventLoop::current();
                static_cast<void>(loop.create_task(never(SaysAtEnd(log, "task ended"))));
                loop.call_soon([says = SaysAtEnd(log, "call ended")] { FAIL("was called"); });
                loop.call_later(1h, [says = SaysAtEnd(log, "timer ended")] { FAIL("was called"); });
                loop.call_soon_threadsafe([says = SaysAtEnd(log, "threadsafe call ended")] { FAIL("was called"); });
            });
            co_await sleep(1h);
        }
    };
    {
        World world;
        static_cast<void>(world.loop.create_task(Bodies::body(log)));
        world.turns(1);
    }
    CHECK(log.size() == 4);
}
