// What the runtime tells of a program's mistakes, and of what its tasks do. The machine's clock is used where a stall
// is the subject: it is bounded below only.
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/lints.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <thread>

using namespace runtime_test;

namespace {

std::string here(int line) {
    return fmt::format("diagnostics_test.cpp:{}", line);
}

bool tells_lines() {
    return !detail::first_place_of_program(detail::capture_stack()).empty();
}

Coro<int> forgotten_errand(int number) {
    co_return number;
}

// Keeps the thread, as a blocking call would.
[[gnu::noinline]] void computes_in_place(Duration duration) {
    auto end = std::chrono::steady_clock::now() + duration;
    volatile int turns = 0;
    while (std::chrono::steady_clock::now() < end) turns = turns + 1;
}

}  // namespace

TEST_CASE("A Coro that is dropped unstarted is told of, with its function and the place where it was dropped") {
    Lints lints;
    int line = __LINE__ + 1;
    static_cast<void>(forgotten_errand(1));
    Lint lint = lints.only();
    CHECK(lint.rule == Lint::Rule::never_awaited);
    CHECK(contains(lint.cause, "the coroutine forgotten_errand() was dropped"));
    if (tells_lines()) CHECK(contains(text_of(lint), here(line)));
    CHECK(contains(text_of(lint), "cure: co_await"));
}

TEST_CASE("In debug mode it is told where the Coro was made, however far from there it is dropped") {
    Lints lints;
    EventLoop::Options options;
    options.debug = true;
    EventLoop loop(options);
    int line = 0;
    {
        line = __LINE__ + 1;
        Coro<int> kept = forgotten_errand(2);
        Coro<int> moved = std::move(kept);
    }
    Lint lint = lints.only();
    INFO(text_of(lint));
    if (tells_lines()) CHECK(contains(text_of(lint), "made at "));
    if (tells_lines()) CHECK(contains(text_of(lint), here(line)));
}

TEST_CASE("A Coro that an exception takes along on its way is not told of") {
    Lints lints;
    CHECK_THROWS_AS(
        [] {
            Coro<int> unstarted = forgotten_errand(3);
            throw std::runtime_error("before the await");
        }(),
        std::runtime_error);
    CHECK(lints.all().empty());
}

TEST_CASE("Nor is one that ran, was given to a task, or was moved away") {
    struct Bodies {
        static Coro<void> main() {
            CHECK(co_await forgotten_errand(4) == 4);
            Coro<int> first = forgotten_errand(5);
            Coro<int> second = std::move(first);
            CHECK(co_await EventLoop::current().create_task(std::move(second)) == 5);
            Task<int> cancelled = EventLoop::current().create_task(forgotten_errand(6));
            cancelled.cancel();
        }
    };
    Lints lints;
    World world;
    world.run(Bodies::main());
    world.turns(2);
    CHECK(lints.all().empty());
}

TEST_CASE("A task that catches its cancellation and awaits again is named, once, with the place") {
    struct Bodies {
        static Coro<void> swallows() {
            for (int round = 0; round < 3; ++round) {
                try {
                    co_await sleep(1s);
                } catch (...) {
                }
            }
        }
    };
    Lints lints;
    World world;
    Task<void> task = world.loop.create_task(Bodies::swallows()).set_name("the deaf one");
    world.turns(1);
    task.cancel();
    world.turns(3);
    CHECK(task.done());
    Lint lint = lints.only();
    CHECK(lint.rule == Lint::Rule::swallowed_cancellation);
    CHECK(contains(lint.cause, "the deaf one"));
    CHECK(contains(text_of(lint), "diagnostics_test.cpp"));
    CHECK(contains(text_of(lint), "swallows()"));
}

TEST_CASE("A cancellation that passes through children, a group, a timeout and cleanup is not called swallowed") {
    struct Bodies {
        static Coro<void> cleanup() { co_await sleep(1ms); }
        static Coro<void> member() { co_await finally(sleeps_long(), cleanup()); }
        static Coro<void> group(TaskGroup& group) {
            group.start_soon(member());
            co_await timeout(1000s, member());
        }
        static Coro<void> main() {
            std::vector<Coro<void>> bodies;
            bodies.push_back(task_group(group));
            bodies.push_back(member());
            co_await gather(std::move(bodies));
        }
    };
    Lints lints;
    World world;
    Task<void> task = world.loop.create_task(Bodies::main());
    world.turns(5);
    task.cancel("enough");
    while (!task.done()) world.loop.run_once();
    CHECK(task.cancelled());
    for (const Lint& lint : lints.all()) FAIL_CHECK(text_of(lint));
}

TEST_CASE("A loop that ends before its tasks says which, what they waited for, and where they were made") {
    Lints lints;
    int line = 0;
    {
        World world;
        line = __LINE__ + 1;
        static_cast<void>(world.loop.create_task(sleeps_long()).set_name("sleeper"));
        world.turns(1);
    }
    Lint lint = lints.only();
    CHECK(lint.rule == Lint::Rule::destroyed_pending);
    CHECK(contains(text_of(lint), "sleeper waits for a sleep of 3600 s"));
    CHECK(contains(text_of(lint), "made at"));
    CHECK(contains(text_of(lint), here(line)));
}

TEST_CASE("A handle that keeps the loop too long is named, with a stack of the time while it did") {
    struct Bodies {
        static Coro<void> busy(int& line) {
            co_await sleep(Duration::zero());
            line = __LINE__ + 1;
            computes_in_place(500ms);
        }
        static Coro<void> main(int& line) {
            Task<void> task = EventLoop::current().create_task(busy(line)).set_name("the busy one");
            co_await task;
        }
    };
    int line = 0;
    Lints lints;
    EventLoop::Options options;
    options.debug = true;
    options.step_max = 20ms;
    run(Bodies::main(line), options);
    std::vector<Lint> all = lints.all();
    // Others keep it, too, where the machine has no time for this process.
    auto lint = std::find_if(all.begin(), all.end(), [](const Lint& found) {
        return found.rule == Lint::Rule::blocked_step && contains(found.cause, "the busy one has kept the loop for ");
    });
    REQUIRE(lint != all.end());
    INFO(text_of(*lint));
    if (tells_lines()) CHECK(contains(text_of(*lint), "computes_in_place()"));
    if (tells_lines()) CHECK(contains(text_of(*lint), here(line) + ", in "));
    CHECK_FALSE(contains(text_of(*lint), "debug_mode"));
    CHECK(contains(text_of(*lint), "cure: await instead"));
}

TEST_CASE("A turn of many handles that is too long as a whole is another mistake") {
    Lints lints;
    EventLoop::Options options;
    options.debug = true;
    options.step_max = 10s;
    options.turn_max = 20ms;
    EventLoop loop(options);
    for (int call = 0; call < 6; ++call) {
        loop.call_soon([] { computes_in_place(5ms); });
    }
    loop.run_once(false);
    Lint lint = lints.only();
    CHECK(lint.rule == Lint::Rule::long_turn);
    CHECK(contains(lint.cause, "for 6 handles"));
}

TEST_CASE("A call from a foreign thread says where it was made") {
    World world;
    std::string told;
    int line = 0;
    std::thread([&] {
        line = __LINE__ + 2;
        try {
            world.loop.call_soon([] {});
        } catch (const std::logic_error& error) {
            told = error.what();
        }
    }).join();
    CHECK(contains(told, "EventLoop::call_soon was called from a thread that is not the loop's"));
    INFO(told);
    if (tells_lines()) CHECK(contains(told, here(line)));
}
