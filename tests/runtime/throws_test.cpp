// What is thrown, counted by a __cxa_throw of this program's own: a throw costs thousands of instructions, and a
// debugger that stops at each should stop at none that means nothing.
#include <stepwise/runtime/gather.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <dlfcn.h>

#include <typeinfo>

namespace {

using namespace runtime_test;

int throws = 0;

struct Bodies {
    static Coro<> never_starts(Log& log) {
        log.push_back("started");
        co_await sleep(1h);
    }
    static Coro<> gathers(Log& log) { co_await gather(never_starts(log), never_starts(log)); }
};

}  // namespace

// What the compiler calls for a throw expression; the library's own does the rest. GCC knows it without its types.
#ifdef __clang__
using ThrownType = std::type_info;
#else
using ThrownType = void;
#endif
extern "C" void __cxa_throw(void* thrown, ThrownType* type, void (*destroy)(void*)) {
    using Throw = void (*)(void*, ThrownType*, void (*)(void*));
    static const auto of_the_library = reinterpret_cast<Throw>(::dlsym(RTLD_NEXT, "__cxa_throw"));
    ++throws;
    of_the_library(thrown, type, destroy);
    __builtin_unreachable();
}

TEST_CASE("cancelling a Coro that never started throws nothing") {
    World world;
    Log log;
    throws = 0;
    {
        Coro<> unawaited = Bodies::never_starts(log);
        Task<> task = world.loop.create_task(Bodies::never_starts(log));
        CHECK(task.cancel("not wanted any more"));
        world.turns(2);
        CHECK(task.cancelled());
        std::vector<Task<>> tasks;
        for (int count = 0; count < 1000; ++count) tasks.push_back(world.loop.create_task(Bodies::gathers(log)));
        CHECK(world.loop.cancel_all_tasks());
    }
    CHECK(throws == 0);
    CHECK(log.empty());
    // The counter works: a task that waits is thrown at.
    Task<> started = world.loop.create_task(Bodies::never_starts(log));
    world.turns(2);
    started.cancel();
    world.turns(2);
    CHECK(started.cancelled());
    CHECK(throws > 0);
}

TEST_CASE("a task that is cancelled before its children start throws once, and they throw nothing") {
    World world;
    Log log;
    Task<> task = world.loop.create_task(Bodies::gathers(log));
    // Between the gather, which makes its children, and their first steps.
    world.loop.call_soon([&] { task.cancel(); });
    throws = 0;
    world.turns(5);
    CHECK(task.cancelled());
    CHECK(throws == 1);
    CHECK(log.empty());
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("the loop's end throws nothing at the tasks that it destroys") {
    Log log;
    {
        World world;
        for (int count = 0; count < 100; ++count) {
            static_cast<void>(world.loop.create_task(Bodies::gathers(log)));
        }
        world.turns(3);
        throws = 0;
    }
    CHECK(throws == 0);
}
