// Memory that runs out, at each allocation of a scenario in turn: once, and for good. Whoever asked gets
// std::bad_alloc, nothing leaks, and the loop goes on. Where a sanitizer brings an operator new of its own there is
// nothing to fail.
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>
#include <stepwise/runtime/shield.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/runtime/unique_fd.hpp>
#include <stepwise/runtime/wait.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#if STEPWISE_FRAME_POOL && !defined(__SANITIZE_THREAD__)
#define FAILS_ALLOCATIONS 1
#else
#define FAILS_ALLOCATIONS 0
#endif

namespace {

using namespace runtime_test;

// The loop's thread only: what a thread of the pool allocates does not count.
struct Memory {
    bool armed = false;
    bool for_good = false;
    bool failed = false;
    long left = 0;  // allocations until one fails

    bool fails() noexcept {
        if (!armed || --left >= 0) return false;
        failed = true;
        if (!for_good) armed = false;
        return true;
    }
};
constinit thread_local Memory memory;
std::atomic<long> taken_blocks = 0;

}  // namespace

#if FAILS_ALLOCATIONS
void* operator new(std::size_t bytes) {
    void* taken = memory.fails() ? nullptr : std::malloc(bytes);
    if (taken == nullptr) throw std::bad_alloc();
    ++taken_blocks;
    return taken;
}
void operator delete(void* taken) noexcept {
    if (taken != nullptr) --taken_blocks;
    std::free(taken);
}
void operator delete(void* taken, std::size_t) noexcept {
    operator delete(taken);
}
#endif

namespace {

// Too large for the frame pool: each call asks operator new.
Coro<int> large_frame(int value) {
    std::array<char, 2 * frame_pool::block_bytes_max> bytes{};
    bytes[0] = static_cast<char>(value);
    co_await sleep(0s);
    co_return bytes[0];
}

Coro<> fails() {
    co_await sleep(0s);
    throw std::logic_error("a mistake");
}

Coro<> group_body(TaskGroup& group) {
    for (int count = 0; count < 3; ++count) group.start_soon(large_frame, count);
    co_await sleep(1s);
}
Coro<> failing_body(TaskGroup& group) {
    group.start_soon(fails());
    group.start_soon(fails());
    co_await sleep(1s);
}

Coro<> frames_and_futures() {
    int value = co_await large_frame(1);
    Future<int> future = EventLoop::current().create_future<int>();
    future.add_done_callback([](Future<int>) {});
    future.set_result(value);
    value += co_await future;
    Task<int> task = EventLoop::current().create_task(large_frame(value));
    value = co_await task;
    std::vector<Coro<int>> bodies;
    bodies.push_back(large_frame(1));
    bodies.push_back(large_frame(2));
    std::vector<int> values = co_await gather(std::move(bodies));
    auto [first, second] = co_await gather(large_frame(3), large_frame(4));
    CHECK(value + first + second + values[0] + values[1] == 12);
}
Coro<> groups() {
    co_await task_group(group_body);
}
Coro<> failing_groups() {
    try {
        co_await task_group(failing_body);
        FAIL("two of it failed");
    } catch (const std::logic_error&) {  // there was no memory for the other
    } catch (const TaskGroupError& several) {
        CHECK(several.errors().size() >= 2);  // with a std::bad_alloc among them, perhaps
    }
}
Coro<> waits() {
    int value = co_await timeout(1h, large_frame(1));
    std::vector<Task<int>> tasks;
    for (int count = 0; count < 3; ++count) tasks.push_back(EventLoop::current().create_task(large_frame(count)));
    Waited<int> waited = co_await wait(tasks);
    auto completed = as_completed(tasks);
    for (std::size_t count = 0; count < waited.done.size(); ++count) {
        auto next = co_await completed.next();
        value += next->result();
    }
    std::vector<Coro<int>> bodies;
    bodies.push_back(large_frame(5));
    value += co_await race(std::move(bodies));
    co_await finally(fails(), sleep_for(1s));
    CHECK(value == 9);
}

int not_cleaned_up = 0;

Coro<> cleanup_of_begun() {
    --not_cleaned_up;
    co_return;
}
Coro<> begins() {
    ++not_cleaned_up;
    co_await large_frame(1);
}
Coro<> cleanups() {
    co_await finally(begins(), cleanup_of_begun());
}
Coro<> gather_that_is_kept() {
    std::vector<Coro<int>> bodies;
    for (int count = 0; count < 3; ++count) bodies.push_back(large_frame(count));
    auto all = gather(std::move(bodies));
    try {
        std::vector<int> values = co_await all;
    } catch (const std::bad_alloc&) {
        memory.armed = false;
    }
    // Those that were started end meanwhile, and wake nobody.
    TimePoint before = EventLoop::current().time();
    co_await sleep(1s);
    CHECK(EventLoop::current().time() - before == 1s);
}
Coro<> shields_and_queues() {
    int value = co_await shield(large_frame(1));
    Queue<int> queue(2);
    co_await queue.put(value);
    std::optional<int> taken = co_await queue.get();
    Future<int> on_a_thread = to_thread([](int given) { return given + 1; }, *taken);
    value = co_await on_a_thread;
    CHECK(value == 2);
}
Coro<> loop_calls() {
    EventLoop& loop = EventLoop::current();
    std::array<char, 100> large{};
    loop.call_soon([large] { static_cast<void>(large); });
    loop.call_later(1s, [] {});
    loop.call_soon_threadsafe([] {});
    loop.add_signal_handler(SIGUSR1, [large] { static_cast<void>(large); });
    raise(SIGUSR1);
    co_await sleep(2s);
    loop.remove_signal_handler(SIGUSR1);
}

// Runs `scenario` with the allocation that is number `at` failing. Whether one did.
bool fails_at(long at, bool for_good, Coro<> (*scenario)()) {
    frame_pool::trim();
    long before = taken_blocks;
    bool failed = false;
    {
        World world;
        long lost = 0;
        world.loop.set_exception_handler([&](std::exception_ptr, std::string_view) { ++lost; });
        memory = {true, for_good, false, at};
        try {
            world.run(scenario());
        } catch (const std::bad_alloc&) {
        } catch (const std::logic_error& error) {
            CHECK(std::string(error.what()) == "a mistake");
        }
        memory.armed = false;
        failed = memory.failed;
        CHECK(not_cleaned_up == 0);
        // The loop lives, and what is left can be ended in order.
        CHECK(world.run(at_once(7)) == 7);
        CHECK(world.loop.cancel_all_tasks());
        CHECK(world.loop.task_count() == 0);
        world.turns(2);
        // A signal that there was no memory for is nobody's.
        World other;
        world.loop.remove_signal_handler(SIGUSR1);
        CHECK_NOTHROW(other.loop.add_signal_handler(SIGUSR1, [] {}));
    }
    frame_pool::trim();
    CHECK(taken_blocks == before);
    return failed;
}

}  // namespace

TEST_CASE("where memory is enough the scenarios end in order and leave nothing behind") {
    {  // the block that the first post from outside takes stays with the process, for the next one
        World world;
        world.loop.call_soon_threadsafe([] {});
        world.turns(1);
    }
    for (auto scenario : {frames_and_futures, groups, failing_groups, waits, cleanups, gather_that_is_kept,
                          shields_and_queues, loop_calls}) {
        CHECK_FALSE(fails_at(1'000'000, false, scenario));
    }
}

#if FAILS_ALLOCATIONS
namespace {

void fails_at_each(Coro<> (*scenario)()) {
    // Once without a failure: what a thread allocates once is there then.
    fails_at(1'000'000, false, scenario);
    for (bool for_good : {false, true}) {
        CAPTURE(for_good);
        long at = 0;
        for (;; ++at) {
            CAPTURE(at);
            REQUIRE(at < 1000);
            if (!fails_at(at, for_good, scenario)) break;
        }
        CHECK(at > 3);
    }
}

}  // namespace

TEST_CASE("a coroutine whose frame finds no memory throws std::bad_alloc at the call, and nothing leaks") {
    frame_pool::trim();
    long before = taken_blocks;
    {
        World world;
        // A compiler that sees the call and the end of the frame at once may do without an allocation.
        Coro<int> (*volatile call)(int) = &large_frame;
        memory = {true, true, false, 0};
        bool thrown = false;
        try {
            Coro<int> never = call(1);
        } catch (const std::bad_alloc&) {
            thrown = true;
        }
        memory.armed = false;
        CHECK(thrown);
        CHECK(world.run(large_frame(1)) == 1);
    }
    frame_pool::trim();
    CHECK(taken_blocks == before);
}

TEST_CASE("a coroutine that is dropped unstarted while there is no memory is told of with less words") {
    World world;
    int lints = 0;
    set_lint_handler([&](const Lint&) { ++lints; });
    {
        Coro<int> forgotten = large_frame(1);
        memory = {true, true, false, 0};
    }
    memory.armed = false;
    set_lint_handler(nullptr);
    CHECK(lints == 0);
    CHECK(world.run(large_frame(1)) == 1);
}

TEST_CASE("an exception that nobody retrieved is told also where there is no memory to say who ended with it") {
    World world;
    int told = 0;
    world.loop.set_exception_handler([&](const std::exception_ptr& error, std::string_view) {
        CHECK_THROWS_AS(std::rethrow_exception(error), std::logic_error);
        ++told;
    });
    std::optional<Future<int>> future = world.loop.create_future<int>();
    future->set_exception(std::make_exception_ptr(std::logic_error("a mistake")));
    std::optional<Task<>> task = world.loop.create_task(fails());
    task->set_name("a task with a name that is longer than a short string");
    world.turns(3);
    world.loop.call_soon([&] {
        memory = {true, true, false, 0};
        future.reset();
        task.reset();
        memory.armed = false;
    });
    world.turns(1);
    CHECK(told == 2);
}

namespace {

// Pauses behind the first bytes, where there is no memory any more.
struct Pausing final : Receiver {
    explicit Pausing(Reactor& of) : reactor(of) {}
    void received(std::span<char> given) override {
        bytes.append(given.begin(), given.end());
        if (bytes.size() != given.size()) return;
        memory = {true, true, false, 0};
        reactor.pause_receiving(*this);
    }
    void receive_ended(int) override {}

    Reactor& reactor;
    std::string bytes;
};

}  // namespace

TEST_CASE("bytes behind a pause stay where they are while there is no memory to keep them, and come in order") {
    EventLoop::Options options;
    options.reactor_options.receive_block_bytes = options.reactor_options.receive_buffer_bytes = 256;
    World world(std::move(options));
    std::array<int, 2> sockets{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets.data()) == 0);
    UniqueFd here(sockets[0]);
    UniqueFd there(sockets[1]);
    std::string text;
    while (text.size() < 1500) text += std::to_string(text.size()) + " ";
    REQUIRE(::send(there.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    Pausing receiver(world.loop.reactor());
    receiver.bytes.reserve(text.size());
    world.loop.reactor().start_receiving(here.get(), receiver);
    world.turns(5);
    memory.armed = false;
    CHECK(receiver.bytes.size() == 256);
    world.loop.reactor().resume_receiving(receiver);
    world.turns(20);
    CHECK(receiver.bytes == text);
    world.loop.reactor().stop_receiving(receiver);
    world.loop.reactor().forget(here.get());
}

TEST_CASE("a signal that comes while there is no memory is told when there is some") {
    World world;
    int calls = 0;
    world.loop.add_signal_handler(SIGUSR1, [&] { ++calls; });
    memory = {true, true, false, 0};
    // Until no place is free for another call.
    bool is_full = false;
    while (!is_full) {
        try {
            world.loop.call_later(1h, [] {});
        } catch (const std::bad_alloc&) {
            is_full = true;
        }
    }
    raise(SIGUSR1);
    for (int turn = 0; turn < 3; ++turn) world.loop.run_once(false);
    memory.armed = false;
    CHECK(calls == 0);
    world.turns(2);
    CHECK(calls == 1);
}

TEST_CASE("memory that runs out anywhere in frames, futures, tasks and gathers costs who asked for it, no more") {
    fails_at_each(frames_and_futures);
    fails_at_each(gather_that_is_kept);
}
TEST_CASE("memory that runs out anywhere in task groups leaves no task outside of them, and no error unheard") {
    fails_at_each(groups);
    fails_at_each(failing_groups);
}
TEST_CASE("memory that runs out anywhere in timeouts, waits, races and cleanups costs who asked for it, no more") {
    fails_at_each(waits);
    fails_at_each(cleanups);  // which run wherever the body has begun
}
TEST_CASE("memory that runs out anywhere in shields, queues and threads costs who asked for it, no more") {
    fails_at_each(shields_and_queues);
}
TEST_CASE("memory that runs out anywhere in calls, timers and signals costs who asked for it, no more") {
    fails_at_each(loop_calls);
}
#else
TEST_CASE("memory that runs out costs who asked for it, no more") {
    std::puts("SKIPPED out of memory: a sanitizer has an operator new of its own, and the frame pool is off");
}
#endif
