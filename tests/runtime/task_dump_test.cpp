// What dump_tasks, why_blocked and SIGUSR1 tell of tasks.
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/shield.hpp>
#include <stepwise/runtime/sync/condition.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/wait.hpp>
#include <stepwise/tests/captured_stderr.hpp>
#include <stepwise/tests/runtime/lints.hpp>

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <semaphore>

using namespace runtime_test;

namespace {

std::string here(int line) {
    return fmt::format("tests/runtime/task_dump_test.cpp:{}", line);
}

Coro<void> reads(int socket) {
    char byte = 0;
    co_await io::recv(socket, std::span(&byte, 1));
}

// Until it is written to stderr.
Coro<void> until_told(const CapturedStderr& captured, std::string text) {
    while (!contains(captured.text(), text)) co_await sleep(1ms);
}

}  // namespace

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
        CHECK(contains(text, fmt::format("task_dump_test.cpp:{}, in ", line)));
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

TEST_CASE("Who waits for a lock is told who has it, however that one got it, and what that one waits for") {
    struct Bodies {
        static Coro<void> behind_a_condition(Lock& lock, Condition& condition) {
            Lock::Guard guard = co_await lock.acquire();
            co_await condition.wait(guard);
            co_await sleep(1h);
        }
        static Coro<void> notifies(Lock& lock, Condition& condition) {
            Lock::Guard guard = co_await lock.acquire();
            condition.notify();
        }
        static Coro<void> tries(Lock& lock) {
            Lock::Guard guard = lock.try_acquire();
            co_await sleep(1h);
        }
        static Coro<void> wants(Lock& lock) { Lock::Guard guard = co_await lock.acquire(); }
    };
    World world;
    Lock lock;
    Condition condition;
    auto begin = [&](Coro<void> body, const char* name) {
        Task<void> task = world.loop.create_task(std::move(body)).set_name(name);
        world.turns(3);
        return task;
    };
    SUBCASE("by a try") {
        begin(Bodies::tries(lock), "owner");
    }
    SUBCASE("behind a Condition") {
        begin(Bodies::behind_a_condition(lock, condition), "owner");
        begin(Bodies::notifies(lock, condition), "another");
    }
    Task<void> wants = begin(Bodies::wants(lock), "late");
    const std::string text = why_blocked(wants);
    INFO(text);
    CHECK(contains(text, "late waits for a Lock, or a Semaphore's permit, which owner had last"));
    CHECK(contains(text, "\n  owner waits for a sleep of 3600 s"));
    world.loop.cancel_all_tasks();
}

TEST_CASE("Of several permits nobody is told to have the one that is waited for") {
    struct Bodies {
        static Coro<void> takes(Semaphore& semaphore, Duration duration) {
            Semaphore::Permit permit = co_await semaphore.acquire();
            co_await sleep(duration);
        }
    };
    World world;
    Semaphore semaphore(2);
    for (int count = 0; count < 3; ++count) {
        world.loop.create_task(Bodies::takes(semaphore, 1h));
        world.turns(1);
    }
    const std::string text = dump_tasks(world.loop);
    CHECK(contains(text, "Task-3 waits for a Lock, or a Semaphore's permit; made at"));
    world.loop.cancel_all_tasks();
}

TEST_CASE("In debug mode SIGUSR1 prints the tasks of all loops that are in it") {
    struct Bodies {
        static Coro<void> main(LoopGroup& group, std::size_t index, CapturedStderr& captured, Event& end) {
            EventLoop& loop = EventLoop::current();
            if (index == 1) co_return co_await end.wait();
            Task<void> sleeper = loop.create_task(sleeps_long()).set_name("sleeper of loop 0");
            co_await sleep(Duration::zero());
            ::raise(SIGUSR1);
            co_await until_told(captured, "sleeper of loop 0 waits for a sleep of 3600 s");
            co_await until_told(captured, "waits for an Event to be set");
            group.post(1, [&end] { end.set(); });
        }
    };
    CapturedStderr captured;
    Event end;
    EventLoop::Options options;
    options.debug = true;
    LoopGroup group(2, options);
    group.run([&](LoopGroup& all, std::size_t index) { return Bodies::main(all, index, captured, end); });
    CHECK(contains(captured.text(), "sleeps_long()"));
}

TEST_CASE(
    "A loop in debug mode that ends hands SIGUSR1 on to another one, and what is somebody else's is left to him") {
    EventLoop::Options options;
    options.debug = true;
    std::optional<EventLoop> first(options);
    World second(options);
    static_cast<void>(second.loop.create_task(sleeps_long()).set_name("sleeper"));
    first.reset();
    second.turns(1);
    {
        CapturedStderr captured;
        ::raise(SIGUSR1);
        second.turns(2);
        CHECK(contains(captured.text(), "1 task(s)\nsleeper waits for"));
    }
    second.loop.cancel_all_tasks();
    // The signal is a loop's, though its disposition says that it is nobody's: as for a moment while two loops begin.
    EventLoop owner;
    second.loop.remove_signal_handler(SIGUSR1);
    owner.add_signal_handler(SIGUSR1, [] {});
    ::signal(SIGUSR1, SIG_DFL);
    CHECK_NOTHROW(EventLoop{options});
}

TEST_CASE("A task that waits for a thread of the pool says so") {
    World world;
    std::binary_semaphore may_end(0);
    Future<void> job = world.loop.run_in_executor([&] { may_end.acquire(); });
    struct Bodies {
        static Coro<void> waits_for(Future<void> job) { co_await job; }
    };
    Task<void> waits = world.loop.create_task(Bodies::waits_for(job));
    world.turns(2);
    const std::string text = dump_tasks(world.loop);
    INFO(text);
    CHECK(contains(text, "waits for a Future of stepwise::EventLoop::run_in_executor()"));
    may_end.release();
    while (!waits.done()) world.loop.run_once(true);
}

TEST_CASE("Of tasks that a gather, a group, a race or a shield makes the program's own line is told") {
    struct Bodies {
        static Coro<void> group(TaskGroup& group, int& line) {
            line = __LINE__ + 1;
            group.start_soon(sleeps_long());
            co_return;
        }
        static Coro<void> gathers(int& line) {
            Coro<void> one = sleeps_long();
            line = __LINE__ + 1;
            co_await gather(std::move(one));
        }
        static Coro<void> gathers_many(int& line) {
            std::vector<Coro<void>> bodies;
            bodies.push_back(sleeps_long());
            line = __LINE__ + 1;
            co_await gather(std::move(bodies));
        }
        static Coro<void> races(int& line) {
            std::vector<Coro<void>> bodies;
            bodies.push_back(sleeps_long());
            line = __LINE__ + 1;
            co_await race(std::move(bodies));
        }
        static Coro<void> shields(int& line) {
            Coro<void> one = sleeps_long();
            line = __LINE__ + 1;
            co_await shield(std::move(one));
        }
    };
    World world;
    int line = 0;
    std::optional<Coro<void>> body;
    SUBCASE("gather") {
        body = Bodies::gathers(line);
    }
    SUBCASE("gather of a vector") {
        body = Bodies::gathers_many(line);
    }
    SUBCASE("task_group") {
        body = task_group(Bodies::group, std::ref(line));
    }
    SUBCASE("race") {
        body = Bodies::races(line);
    }
    SUBCASE("shield") {
        body = Bodies::shields(line);
    }
    world.loop.create_task(std::move(*body));
    world.turns(3);
    const std::string text = dump_tasks(world.loop);
    INFO(text);
    CHECK(contains(text, fmt::format("waits for a sleep of 3600 s to be over; made at {}", here(line))));
    world.loop.cancel_all_tasks();
}
