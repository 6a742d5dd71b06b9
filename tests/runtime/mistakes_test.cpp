// What a program does wrong, and what it costs: the error where it was made, and the loop nothing.
#include <stepwise/tests/captured_stderr.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <stdexcept>

namespace {

using namespace runtime_test;

}  // namespace

TEST_CASE("an exception handler that throws costs the loop nothing, and nobody the error that it was told") {
    World world;
    world.loop.set_exception_handler(
        [](std::exception_ptr, std::string_view) { throw std::runtime_error("no room for it"); });
    world.loop.call_soon([] { throw std::runtime_error("the callback's"); });
    bool went_on = false;
    world.loop.call_soon([&] { went_on = true; });
    std::string text;
    {
        CapturedStderr captured;
        world.turns(1);
        text = captured.text();
    }
    CHECK(went_on);
    CHECK(text ==
          "stepwise: a callback: the callback's\n"
          "stepwise: the exception handler, called for that: no room for it\n");
}

TEST_CASE("to cancel what is finished does nothing, and says so; a second result is refused") {
    World world;
    Future<int> future = world.loop.create_future<int>();
    future.set_result(1);
    CHECK_FALSE(future.cancel());
    CHECK_THROWS_AS(future.set_result(2), InvalidStateError);
    CHECK(future.result() == 1);
    Task<int> task = world.loop.create_task(at_once(2));
    CHECK(world.loop.run_until_complete(task) == 2);
    CHECK_FALSE(task.cancel("too late"));
    CHECK(task.cancelling() == 0);
    CHECK(task.result() == 2);
    Handle handle = world.loop.call_soon([] {});
    world.turns(1);
    CHECK_FALSE(handle.cancel());
    Task<> failed = world.loop.create_task([]() -> Coro<> {
        throw std::runtime_error("it failed");
        co_return;
    }());
    world.turns(1);
    CHECK_FALSE(failed.cancel());
    CHECK_THROWS_WITH(failed.result(), "it failed");
    CHECK(world.lost.empty());
}

TEST_CASE("a loop that runs within another one is refused, and the outer one goes on") {
    World world;
    struct Inner {
        static Coro<int> body() {
            Coro<int> inner = at_once(1);
            try {
                static_cast<void>(run(std::move(inner)));
                FAIL("two loops ran on one thread");
            } catch (const std::logic_error& error) {
                CHECK(std::string(error.what()) == "another event loop is running on this thread");
            }
            co_return co_await at_once(2);
        }
    };
    CHECK(world.run(Inner::body()) == 2);
}
