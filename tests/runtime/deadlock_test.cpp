// What is told where no task can go on, and when that is certain. The machine's clock: a loop is looked at when it has
// been quiet for a moment.
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/tests/runtime/lints.hpp>

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <ctime>
#include <future>
#include <thread>

using namespace runtime_test;

namespace {

std::string here(int line) {
    return fmt::format("deadlock_test.cpp:{}", line);
}

// Keeps the thread, as a blocking call would.
[[gnu::noinline]] void computes_in_place(Duration duration) {
    auto end = std::chrono::steady_clock::now() + duration;
    volatile int turns = 0;
    while (std::chrono::steady_clock::now() < end) turns = turns + 1;
}

}  // namespace

TEST_CASE("Tasks that wait for each other in a circle are told of, and do not hang the program") {
    struct Bodies {
        static Coro<void> takes(Lock& first, Lock& second) {
            Lock::Guard one = co_await first.acquire();
            co_await sleep(1ms);
            Lock::Guard two = co_await second.acquire();
        }
        static Coro<void> main(Lock& left, Lock& right) { co_await gather(takes(left, right), takes(right, left)); }
    };
    Lock left;
    Lock right;
    Lints lints;
    EventLoop::Options options;
    options.debug = true;  // for a test program that has other threads, as under ThreadSanitizer: told as "perhaps"
    World world(options);
    Task<void> task = world.loop.create_task(Bodies::main(left, right));
    lints.on_lint = [&] { task.cancel(); };
    try {
        world.loop.run_until_complete<void>(task);
    } catch (const std::logic_error& error) {
        CHECK(contains(error.what(), "deadlock"));
    } catch (const CancelledError&) {
    }
    Lint lint = lints.only();
    CHECK(lint.rule == Lint::Rule::deadlock);
    CHECK(contains(lint.cause, "2 task(s) wait for each other in a circle"));
    CHECK(contains(text_of(lint), "Task-2 waits for a Lock, or a Semaphore's permit, which Task-3 had last"));
    CHECK(contains(text_of(lint), "Task-3 waits for a Lock, or a Semaphore's permit, which Task-2 had last"));
    world.loop.cancel_all_tasks();
}

TEST_CASE("A wait for what nobody can give any more is told of without a circle") {
    struct Bodies {
        static Coro<void> main(Future<void> never) { co_await never; }
    };
    Lints lints;
    EventLoop::Options options;
    options.debug = true;
    World world(options);
    int line = __LINE__ + 1;
    Future<void> never = world.loop.create_future();
    Task<void> task = world.loop.create_task(Bodies::main(never));
    lints.on_lint = [&] { task.cancel(); };
    try {
        world.loop.run_until_complete<void>(task);
    } catch (const std::logic_error&) {
    } catch (const CancelledError&) {
    }
    Lint lint = lints.only();
    CHECK(contains(lint.cause, "1 task(s) wait, and no timer, descriptor, signal or thread"));
    CHECK(contains(text_of(lint), "waits for a Future made at"));
    CHECK(contains(text_of(lint), here(line)));
    world.loop.cancel_all_tasks();
}

TEST_CASE("A deadlock is certain also behind a job of the pool, whose threads rest") {
    struct Bodies {
        static Coro<void> main(Event& never) {
            auto nothing = [] {};
            co_await EventLoop::current().run_in_executor(nothing);
            co_await never.wait();
        }
    };
    Event never;
    Lints lints;
    EventLoop::Options options;
    options.debug = true;
    World world(options);
    Task<void> task = world.loop.create_task(Bodies::main(never));
    lints.on_lint = [&] { task.cancel(); };
    try {
        world.loop.run_until_complete<void>(task);
    } catch (const std::logic_error&) {
    } catch (const CancelledError&) {
    }
#if !defined(__SANITIZE_THREAD__)  // which has a thread of its own
    CHECK(contains(lints.only().cause, "1 task(s) wait, and no timer"));
    CHECK_FALSE(contains(lints.only().cause, "perhaps"));
#endif
    world.loop.cancel_all_tasks();
}

TEST_CASE("A thread that a job has made may still wake a task: that is no certain deadlock") {
    struct Bodies {
        static Coro<void> main(std::function<void()> job, Event& event) {
            co_await EventLoop::current().run_in_executor(job);
            co_await event.wait();
        }
    };
    Event event;
    std::promise<void> told;
    std::thread made;
    Lints lints;
    lints.on_lint = [&] { told.set_value(); };
    EventLoop::Options options;
    options.debug = true;
    World world(options);
    auto job = [&] {
        made = std::thread([&] {
            told.get_future().wait();
            world.loop.call_soon_threadsafe([&] { event.set(); });
        });
    };
    CHECK_NOTHROW(world.run(Bodies::main(job, event)));
    made.join();
    CHECK(contains(lints.only().cause, "perhaps: 1 task(s) wait, and no timer"));
}

TEST_CASE("In debug mode a program's own handler of SIGUSR1 may still wake a task, too") {
    struct Bodies {
        static Coro<void> main(Event& event) {
            EventLoop::current().add_signal_handler(SIGUSR1, [&event] { event.set(); });
            co_await event.wait();
        }
    };
    Event event;
    Lints lints;
    lints.on_lint = [] { ::raise(SIGUSR1); };
    EventLoop::Options options;
    options.debug = true;
    World world(options);
    CHECK_NOTHROW(world.run(Bodies::main(event)));
    CHECK(contains(lints.only().cause, "perhaps: 1 task(s) wait, and no timer"));
}

TEST_CASE("Who looks for a circle among many tasks does not take the square of their number") {
    struct Bodies {
        static Coro<void> waits(Event& event) { co_await event.wait(); }
        static Coro<void> main(Event& event) {
            std::vector<Coro<void>> all;
            for (int count = 0; count < 100'000; ++count) all.push_back(waits(event));
            co_await gather(std::move(all));
        }
    };
    Event event;
    Lints lints;
    EventLoop::Options options;
    options.debug = true;
    options.step_max = options.turn_max = 1h;
    World world(options);
    lints.on_lint = [&] { event.set(); };
    const std::clock_t began = std::clock();  // processor time: the machine may be busy with others
    try {
        world.run(Bodies::main(event));
    } catch (const std::logic_error&) {
    }
    CHECK(std::clock() - began < 10 * CLOCKS_PER_SEC);
    CHECK(lints.has(Lint::Rule::deadlock));
    world.loop.cancel_all_tasks();
}

TEST_CASE("A task that waits for the kernel, a timer or a thread is no deadlock") {
    struct Bodies {
        static Coro<void> main() {
            co_await sleep(300ms);
            auto blocks = [] { computes_in_place(300ms); };
            co_await EventLoop::current().run_in_executor(blocks);
        }
    };
    Lints lints;
    EventLoop::Options options;
    options.debug = true;
    run(Bodies::main(), options);
    CHECK_FALSE(lints.has(Lint::Rule::deadlock));
}
