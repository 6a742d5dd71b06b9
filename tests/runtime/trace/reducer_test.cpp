// The state that a reader rebuilds is the one that the runtime has: at every snap, forward and back.
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/runtime/trace/reducer.hpp>
#include <stepwise/tests/runtime/support.hpp>
#include <stepwise/tests/runtime/trace/traced.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace runtime_test;
using namespace trace_test;

struct Pair {
    Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0); }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair() {
        ::close(sockets[0]);
        ::close(sockets[1]);
    }
    int sockets[2];
};

Coro<void> echo(int socket, int rounds) {
    char buffer[64];
    for (int round = 0; round < rounds; ++round) {
        std::size_t count = co_await io::recv(socket, buffer);
        std::size_t sent = co_await io::send(socket, std::span<const char>(buffer, count));
        CHECK(sent == count);
    }
}

Coro<void> ask(int socket, int rounds) {
    char buffer[64] = "hello";
    for (int round = 0; round < rounds; ++round) {
        std::size_t sent = co_await io::send(socket, std::span<const char>(buffer, 5));
        co_await sleep(1ms);
        std::size_t count = co_await io::recv(socket, buffer);
        CHECK(count == sent);
    }
}

Coro<int> deep(int depth) {
    if (depth == 0) {
        co_await sleep(1ms);
        co_return 0;
    }
    int below = co_await deep(depth - 1);
    co_return below + 1;
}

Coro<void> produce(Queue<int>& queue, int count) {
    for (int number = 0; number < count; ++number) co_await queue.put(number);
}

Coro<void> consume(Queue<int>& queue, int count) {
    for (int number = 0; number < count; ++number) {
        std::optional<int> got = co_await queue.get();
        CHECK(got == number);
        if (number % 7 == 0) co_await sleep(0s);
    }
}

Coro<void> gives_up(int depth) {
    try {
        co_await timeout(2ms, deep(3));
    } catch (const TimeoutError&) {
    }
    Future<> never = EventLoop::current().create_future<>();
    try {
        Coro<int> slow = deep(depth);
        co_await timeout(100us, std::move(slow));
    } catch (const TimeoutError&) {
    }
}

// Between two of its steps a task that yields stands in the ready queue, and awaits nothing: there a snap tells whether
// its wakeup was told.
Coro<void> wakes_and_yields(int rounds) {
    co_await sleep(1us);
    for (int round = 0; round < rounds; ++round) co_await sleep(0s);
}

Coro<void> everything(int& pool) {
    Pair pair;
    EventLoop& loop = EventLoop::current();
    Queue<int> queue(3);
    Task<void> echoing = loop.create_task(echo(pair.sockets[0], 40));
    Task<void> asking = loop.create_task(ask(pair.sockets[1], 40));
    Task<void> producing = loop.create_task(produce(queue, 100));
    Task<void> consuming = loop.create_task(consume(queue, 100));
    std::vector<Task<void>> quitters;
    for (int index = 0; index < 20; ++index) quitters.push_back(loop.create_task(gives_up(index == 0 ? 900 : 30)));
    Task<int> doomed = loop.create_task(deep(50));
    co_await sleep(500us);
    doomed.cancel();
    auto count = [&pool] { return ++pool; };
    for (int index = 0; index < 5; ++index) co_await loop.run_in_executor(count);
    Handle handle = loop.call_soon([] {});
    handle.cancel();
    for (Task<void>& task : quitters) co_await task;
    co_await echoing;
    co_await asking;
    co_await producing;
    co_await consuming;
    co_await wakes_and_yields(300);
}

std::size_t check_snaps(const Story& story) {
    Reducer reducer;
    std::size_t snaps = 0;
    for (const Record& event : story.events) {
        if (event.kind == Kind::snap && !reducer.lost()) {
            CHECK(reducer.state().hash() == static_cast<std::uint64_t>(event.a));
            ++snaps;
        }
        reducer.apply(event);
    }
    return snaps;
}

Story story_of_everything() {
    return traced([] {
        int pool = 0;
        // On the machine's clock: one that jumps stands still while a request is on its way.
        EventLoop loop;
        loop.run_until_complete(everything(pool));
        for (int turn = 0; turn < 3; ++turn) loop.run_once(false);
        CHECK(pool == 5);
    });
}

TEST_CASE("every snap of the runtime's own lists is what the events tell") {
    Story story = story_of_everything();
    CHECK(story.reader.complete());
    CHECK(check_snaps(story) >= 5);
}

TEST_CASE("a snap would tell of an event that is missing") {
    Story story = story_of_everything();
    std::size_t told = 0;
    for (Kind missing : {Kind::ready_push, Kind::run_begin, Kind::timer_fire, Kind::task_new, Kind::task_done,
                         Kind::await, Kind::wakeup, Kind::frame_call, Kind::frame_return}) {
        Reducer reducer;
        bool differs = false;
        for (const Record& event : story.events) {
            differs |= event.kind == Kind::snap && reducer.state().hash() != static_cast<std::uint64_t>(event.a);
            if (event.kind != missing) reducer.apply(event);
        }
        told += differs ? 1 : 0;
    }
    CHECK(told == 9);
}

TEST_CASE("forward and back is nowhere else: the state after an event is one, however one came there") {
    Story story = story_of_everything();
    std::vector<std::uint64_t> hashes;
    Reducer reducer;
    for (const Record& event : story.events) {
        hashes.push_back(reducer.state().hash());
        reducer.apply(event);
    }
    History history(story.events);
    for (std::size_t count = 0; count < hashes.size(); count += 13)
        CHECK(history.state_after(count).hash() == hashes[count]);
    for (std::size_t count = hashes.size(); count-- > 0;) {
        if (count % 29 == 0) CHECK(history.state_after(count).hash() == hashes[count]);
    }
}

TEST_CASE("nothing is left when all has ended") {
    Story story = story_of_everything();
    Reducer reducer;
    for (const Record& event : story.events) reducer.apply(event);
    const State& state = reducer.state();
    CHECK(state.ready.empty());
    CHECK(state.timers.empty());
    CHECK(state.tasks.empty());
    CHECK(state.futures.empty());
    CHECK(state.operations.empty());
}

TEST_CASE("work on a thread: submitted, started, ended, pushed, run, each because of the one before") {
    Story story = story_of_everything();
    auto started = story.all(Kind::job_start);
    REQUIRE(started.size() == 5);
    CHECK(started[0].thread != 0);
    std::size_t told = 0;
    for (const Record& run : story.all(Kind::run_begin)) {
        if (story.chain(run, 6) == "run.begin ready.push threadsafe.push job.end job.start job.submit") ++told;
    }
    CHECK(told == 5);
}

TEST_CASE("a receive that waited: woken by its completion, which its request has caused") {
    Story story = story_of_everything();
    std::size_t told = 0;
    for (const Record& run : story.all(Kind::run_begin)) {
        if (story.chain(run, 5) == "run.begin ready.push wakeup cqe sqe") ++told;
    }
    CHECK(told >= 40);
}

}  // namespace
