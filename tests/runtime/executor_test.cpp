#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <fcntl.h>

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

namespace {

using namespace runtime_test;

EventLoop::Options one_thread(std::size_t queued_jobs_max = 10) {
    EventLoop::Options options;
    options.thread_pool.threads_max = 1;
    options.thread_pool.queued_jobs_max = queued_jobs_max;
    return options;
}

}  // namespace

TEST_CASE("run_in_executor runs a function on another thread and brings its result back to the loop") {
    World world;
    Future<std::thread::id> where = world.loop.run_in_executor([] { return std::this_thread::get_id(); });
    CHECK(world.loop.run_until_complete(where) != std::this_thread::get_id());
    CHECK(world.loop.run_until_complete(world.loop.run_in_executor([value = 20]() mutable { return value += 1; })) ==
          21);
    std::atomic<bool> ran = false;
    world.loop.run_until_complete(world.loop.run_in_executor([&] { ran = true; }));
    CHECK(ran);
    auto pointer = [] { return std::make_unique<int>(4); };
    CHECK(*world.loop.run_until_complete(world.loop.run_in_executor(pointer)) == 4);
}

TEST_CASE("what the function throws is the exception of its future") {
    World world;
    auto breaks = []() -> int { throw std::runtime_error("broke on a thread"); };
    CHECK_THROWS_WITH(world.loop.run_until_complete(world.loop.run_in_executor(breaks)), "broke on a thread");
}

TEST_CASE("cancelling the future drops the result of a function that runs on") {
    World world(one_thread());
    std::latch begun(1);
    std::latch may_end(1);
    std::atomic<bool> ended = false;
    Future<int> future = world.loop.run_in_executor([&] {
        begun.count_down();
        may_end.wait();
        ended = true;
        return 1;
    });
    begun.wait();
    CHECK(future.cancel());
    may_end.count_down();
    // One thread: the second job runs after the first.
    CHECK(world.loop.run_until_complete(world.loop.run_in_executor([] { return 2; })) == 2);
    CHECK(ended);
    CHECK(future.cancelled());
    CHECK(world.lost.empty());
}

TEST_CASE(
    "a function that waits for a thread when its future is cancelled is never run, and ends on the loop's thread") {
    World world(one_thread());
    std::latch may_end(1);
    std::atomic<bool> ran = false;
    std::thread::id ended_on;
    Future<> running = world.loop.run_in_executor([&] { may_end.wait(); });
    auto at_end = std::make_shared<AtEnd<std::function<void()>>>([&] { ended_on = std::this_thread::get_id(); });
    Future<> waiting = world.loop.run_in_executor([&ran, at_end] { ran = true; });
    at_end.reset();
    CHECK(waiting.cancel());
    may_end.count_down();
    CHECK(world.loop.run_until_complete(world.loop.run_in_executor([] { return 2; })) == 2);
    CHECK_FALSE(ran);
    CHECK(ended_on == std::this_thread::get_id());
}

TEST_CASE("law 9: a full queue is LimitError at the call, and the loop goes on") {
    World world(one_thread(1));
    std::latch begun(1);
    std::latch may_end(1);
    Future<> running = world.loop.run_in_executor([&] {
        begun.count_down();
        may_end.wait();
    });
    begun.wait();
    Future<int> waiting = world.loop.run_in_executor([] { return 1; });
    auto refused = [] { return 2; };
    CHECK_THROWS_AS(static_cast<void>(world.loop.run_in_executor(refused)), LimitError);
    may_end.count_down();
    CHECK(world.loop.run_until_complete(waiting) == 1);
}

TEST_CASE("the loop's end waits for a job that runs, and drops those that never ran with their callbacks") {
    Log log;
    std::latch may_end(1);
    std::atomic<bool> ended = false;
    struct Bodies {
        static Coro<> releases(std::latch& latch) {
            AtEnd count_down([&] { latch.count_down(); });
            co_await sleep(1h);
        }
    };
    {
        World world(one_thread());
        std::latch begun(1);
        Future<> running = world.loop.run_in_executor([&] {
            begun.count_down();
            may_end.wait();
            ended = true;
        });
        begun.wait();
        Future<> never = world.loop.run_in_executor([says = std::make_shared<SaysAtEnd>(log, "job ended")] {});
        never.add_done_callback([says = SaysAtEnd(log, "callback ended")](Future<>) { FAIL("was called"); });
        static_cast<void>(world.loop.create_task(Bodies::releases(may_end)));
        world.turns(1);
    }
    CHECK(ended);
    CHECK(log.size() == 2);
}

TEST_CASE("a clock that jumps does not jump over a job that runs") {
    World world;
    struct Bodies {
        static Coro<int> waits(Future<int> job) { co_return co_await job; }
        static Coro<int> within(Future<int> job) { co_return co_await timeout(1h, waits(std::move(job))); }
    };
    for (int round = 0; round < 20; ++round) {
        Future<int> job = world.loop.run_in_executor([] {
            for (int count = 0; count < 100; ++count) std::this_thread::yield();
            return 6;
        });
        CHECK(world.run(Bodies::within(job)) == 6);
    }
    CHECK(world.elapsed() == 0s);
}

TEST_CASE("a result whose move throws is the exception of the future") {
    World world;
    struct MovesOnce {
        MovesOnce() = default;
        MovesOnce(MovesOnce&& other) : moves(other.moves + 1) {
            if (moves > 1) throw std::runtime_error("cannot be moved again");
        }
        int moves = 0;
    };
    auto makes = [] { return MovesOnce(); };
    Future<MovesOnce> future = world.loop.run_in_executor(makes);
    auto waits = [](Future<MovesOnce> made) -> Coro<std::string> {
        try {
            MovesOnce& result = const_cast<MovesOnce&>(co_await made);
            [[maybe_unused]] MovesOnce again = std::move(result);
        } catch (const std::runtime_error& error) {
            co_return error.what();
        }
        co_return "moved";
    };
    CHECK(world.run(waits(future)) == "cannot be moved again");
}

TEST_CASE("a file operation that waits for a thread can be cancelled at once, and its frame destroyed") {
    struct Bodies {
        static Coro<std::string> read_some(int fd) {
            std::string buffer(100, '\0');
            std::size_t count = co_await io::read(fd, buffer, 0);
            co_return buffer.substr(0, count);
        }
        static Coro<std::string> read_within(int fd) { co_return co_await timeout(1s, read_some(fd)); }
    };
    UniqueFd file(::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
    std::latch may_end(1);
    std::optional<Task<std::string>> left;
    {
        World world(one_thread());
        std::latch begun(1);
        Future<> running = world.loop.run_in_executor([&] {
            begun.count_down();
            may_end.wait();
        });
        begun.wait();
        Task<std::string> cancelled = world.loop.create_task(Bodies::read_some(file.get()));
        Task<std::string> too_late = world.loop.create_task(Bodies::read_within(file.get()));
        left = world.loop.create_task(Bodies::read_some(file.get()));
        world.turns(3);
        if (world.loop.reactor().name() == "io_uring") {
            CHECK(world.loop.run_until_complete(cancelled).find("executor_test") != std::string::npos);
            may_end.count_down();
            return;
        }
        cancelled.cancel();
        world.clock.advance(1s);
        world.turns(3);
        CHECK(cancelled.cancelled());
        REQUIRE(too_late.done());
        CHECK_THROWS_AS(too_late.result(), TimeoutError);
        CHECK_FALSE(left->done());
        left->cancel();
        left.emplace(world.loop.create_task(Bodies::read_some(file.get())));
        world.turns(3);
        may_end.count_down();
    }
    CHECK(left->cancelled());
}
