// What the runtime tells of a program's mistakes, and of what its tasks do. The machine's clock is used where a stall
// is the subject: it is bounded below only.
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <thread>

using namespace runtime_test;

namespace {

// Collects what is told while it lives.
class Lints {
public:
    Lints()
        : before_(set_lint_handler([this](const Lint& lint) {
              std::lock_guard lock(mutex_);
              all_.push_back(lint);
              if (on_lint) on_lint();
          })) {}
    ~Lints() { set_lint_handler(before_); }

    std::vector<Lint> all() {
        std::lock_guard lock(mutex_);
        return all_;
    }
    bool has(Lint::Rule rule) {
        std::vector<Lint> lints = all();
        return std::any_of(lints.begin(), lints.end(), [rule](const Lint& lint) { return lint.rule == rule; });
    }
    Lint only() {
        std::vector<Lint> lints = all();
        REQUIRE(lints.size() == 1);
        return lints.front();
    }

    std::function<void()> on_lint;

private:
    std::mutex mutex_;
    std::vector<Lint> all_;
    LintHandler before_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

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

Coro<void> sleeps_long() {
    co_await sleep(3600s);
}

Coro<void> reads(int socket) {
    char byte = 0;
    co_await io::recv(socket, std::span(&byte, 1));
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

TEST_CASE("dump_tasks shows who waits for whom, in which frames and lines") {
    struct Bodies {
        static Coro<void> reader(int socket) { co_await reads(socket); }
        static Coro<void> main(int socket, int& line) {
            Task<void> child = EventLoop::current().create_task(reader(socket)).set_name("reader");
            line = __LINE__ + 1;
            co_await child;
        }
    };
    int sockets[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0);
    {
        World world;
        int line = 0;
        Task<void> task = world.loop.create_task(Bodies::main(sockets[0], line)).set_name("main");
        world.turns(3);
        std::string text = dump_tasks(world.loop);
        INFO(text);
        CHECK(contains(text, "2 task(s)\nmain waits for reader; made at "));
        CHECK(contains(text, fmt::format("diagnostics_test.cpp:{}, in ", line)));
        CHECK(contains(text, fmt::format("\n  reader waits for recv on descriptor {}", sockets[0])));
        CHECK(text.find("in reads()") < text.find("Bodies::reader()"));
        CHECK(contains(why_blocked(task), "main waits for reader"));
        CHECK(contains(why_blocked(task), "\n  reader waits for recv on descriptor"));
        world.loop.cancel_all_tasks();
        CHECK(why_blocked(task) == "main is done");
    }
    ::close(sockets[0]);
    ::close(sockets[1]);
}

TEST_CASE("In debug mode it is told for how long") {
    EventLoop::Options options;
    options.debug = true;
    World world(options);
    Task<void> task = world.loop.create_task(sleeps_long());
    world.turns(1);
    CHECK(contains(why_blocked(task), ", 0.0"));
    CHECK(contains(why_blocked(task), " s so far"));
    world.loop.cancel_all_tasks();
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
