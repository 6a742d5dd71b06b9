#include <stepwise/tests/runtime/support.hpp>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>

namespace {

using namespace runtime_test;

std::string wanted_reactor() {
    const char* wanted = std::getenv("STEPWISE_REACTOR");
    return wanted == nullptr ? "" : wanted;
}

}  // namespace

TEST_CASE("STEPWISE_REACTOR chooses the reactor, an option wins over it, and an unknown name is refused") {
    World world;
    if (!wanted_reactor().empty()) CHECK(world.loop.reactor().name() == wanted_reactor());
    EventLoop::Options options;
    options.reactor = "epoll";
    CHECK(EventLoop(options).reactor().name() == "epoll");
    options.reactor = "kqueue";
    CHECK_THROWS_WITH_AS(EventLoop{options}, "unknown reactor 'kqueue': choose epoll, io_uring or sim",
                         std::invalid_argument);
}

TEST_CASE("call_soon runs in the order of the calls; what is added meanwhile waits for the next turn") {
    World world;
    Log log;
    world.loop.call_soon([&] {
        log.push_back("first");
        world.loop.call_soon([&] { log.push_back("added by the first"); });
    });
    world.loop.call_soon([&] { log.push_back("second"); });
    world.turns(1);
    CHECK(log == Log{"first", "second"});
    world.turns(1);
    CHECK(log == Log{"first", "second", "added by the first"});
}

TEST_CASE("call_later runs by due time, equal times in the order of the calls") {
    World world;
    Log log;
    for (int delay : {3, 1, 2, 1, 3, 1}) {
        world.loop.call_later(std::chrono::seconds(delay),
                              [&log, delay, place = log.size()] { log.push_back(std::to_string(delay)); });
    }
    std::vector<int> order;
    for (int place = 0; place < 50; ++place) world.loop.call_later(5s, [&order, place] { order.push_back(place); });
    world.run(sleep_for(10s));
    CHECK(log == Log{"1", "1", "1", "2", "3", "3"});
    REQUIRE(order.size() == 50);
    for (int place = 0; place < 50; ++place) CHECK(order[static_cast<std::size_t>(place)] == place);
    CHECK(world.elapsed() == 10s);
}

TEST_CASE("a delay in the past is due in the next turn") {
    World world;
    bool called = false;
    world.loop.call_later(-1h, [&] { called = true; });
    world.turns(1);
    CHECK(called);
}

TEST_CASE("the longest delay there is never comes, and does not wrap around into the past") {
    World world;
    bool called = false;
    world.clock.advance(1h);
    world.loop.call_later(Duration::max(), [&] { called = true; });
    static_cast<void>(world.loop.create_task(sleep_for(Duration::max())));
    world.run(sleep_for(1h));
    world.turns(2);
    CHECK_FALSE(called);
    CHECK(world.loop.task_count() == 1);
}

TEST_CASE("a callback that throws is reported, and the rest of the turn still runs") {
    World world;
    Log log;
    world.loop.call_soon([&] { log.push_back("before"); });
    world.loop.call_soon([] { throw std::runtime_error("broke"); });
    world.loop.call_soon([] { throw 42; });
    world.loop.call_soon([&] { log.push_back("after"); });
    world.turns(1);
    CHECK(log == Log{"before", "after"});
    CHECK(world.lost == Log{"broke", "not a std::exception"});
}

TEST_CASE("A67: run_until_complete and then run_forever, on one loop") {
    World world;
    CHECK(world.run(at_once(1)) == 1);
    CHECK(world.run(at_once(2)) == 2);
    Log log;
    static_cast<void>(world.loop.create_task(sleep_then_log(1s, log, "task")));
    world.loop.call_later(2s, [&] { world.loop.stop(); });
    world.loop.call_later(3s, [&] { log.push_back("after the stop"); });
    CHECK_FALSE(world.loop.is_running());
    world.loop.run_forever();
    CHECK(log == Log{"task"});
    CHECK(world.elapsed() == 2s);
    CHECK(world.run(at_once(3)) == 3);
    world.loop.call_later(2s, [&] { world.loop.stop(); });
    world.loop.run_forever();
    CHECK(log == Log{"task", "after the stop"});
}

TEST_CASE("a stop ends the loop after the turn in which it came") {
    World world;
    Log log;
    world.loop.call_soon([&] {
        world.loop.stop();
        world.loop.call_soon([&] { log.push_back("next turn"); });
    });
    world.loop.call_soon([&] { log.push_back("same turn"); });
    world.loop.run_forever();
    CHECK(log == Log{"same turn"});
}

TEST_CASE("a stop before run_forever lets it make one turn") {
    World world;
    Log log;
    world.loop.call_soon([&] { log.push_back("ran"); });
    world.loop.stop();
    world.loop.run_forever();
    CHECK(log == Log{"ran"});
}

TEST_CASE("run_until_complete throws what its task throws, moves a result that cannot be copied, and tells of a stop") {
    World world;
    struct Bodies {
        static Coro<std::unique_ptr<int>> pointer() { co_return std::make_unique<int>(5); }
        static Coro<> cancelled() {
            co_await sleep(1s);
            throw CancelledError();
        }
    };
    CHECK(*world.run(Bodies::pointer()) == 5);
    CHECK_THROWS_AS(world.run(Bodies::cancelled()), CancelledError);
    world.loop.call_soon([&] { world.loop.stop(); });
    CHECK_THROWS_AS(world.run(sleep_for(1h)), std::logic_error);
    CHECK(world.loop.task_count() == 1);
    CHECK(world.run(at_once(6)) == 6);
}

TEST_CASE("a loop that runs cannot be run again from inside, and nothing is started by the attempt") {
    World world;
    Log log;
    Future<> future = world.loop.create_future();
    world.loop.call_soon([&] {
        CHECK_THROWS_AS(world.loop.run_once(), std::logic_error);
        CHECK_THROWS_AS(world.loop.run_forever(), std::logic_error);
        CHECK_THROWS_AS(world.run(sleep_then_log(0s, log, "started")), std::logic_error);
        CHECK_THROWS_AS(world.loop.run_until_complete(future), std::logic_error);
    });
    world.run(sleep_for(1s));
    future.set_result();
    world.turns(3);
    CHECK(log.empty());
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("one thread runs one loop at a time") {
    World world;
    World other;
    world.loop.call_soon([&] { CHECK_THROWS_AS(other.run(at_once(1)), std::logic_error); });
    world.loop.call_soon([&] { CHECK_THROWS_AS(other.loop.run_forever(), std::logic_error); });
    world.loop.call_soon([&] { CHECK_THROWS_AS(other.loop.run_once(false), std::logic_error); });
    world.turns(1);
    CHECK(other.loop.task_count() == 0);
    CHECK(other.run(at_once(2)) == 2);
}

TEST_CASE("EventLoop::current is the loop that runs, and throws where none does") {
    World world;
    CHECK(EventLoop::running() == nullptr);
    CHECK_THROWS_AS(EventLoop::current(), std::logic_error);
    auto body = []() -> Coro<EventLoop*> { co_return &EventLoop::current(); };
    CHECK(world.run(body()) == &world.loop);
    CHECK(EventLoop::running() == nullptr);
}

TEST_CASE("a loop that a second thread was refused runs on in its own") {
    World world;
    world.turns(2);
    std::thread([&] {
        try {
            world.loop.run_once(false);
        } catch (const std::logic_error&) {
            // io_uring's ring belongs to the thread that used it first; epoll goes along.
        }
        CHECK(EventLoop::running() == nullptr);
    }).join();
    CHECK(world.run(at_once(4)) == 4);
}

TEST_CASE("run cancels what is left, also what is started meanwhile, and gives the result") {
    Log log;
    ManualClock clock(true);
    struct Bodies {
        static Coro<> late(Log& log) {
            SaysAtEnd says(log, "late task ended");
            co_await sleep(1h);
        }
        static Coro<> left(Log& log) {
            AtEnd starts_another([&log] {
                log.push_back("left task ended");
                static_cast<void>(EventLoop::current().create_task(late(log)));
            });
            co_await sleep(1h);
        }
        static Coro<int> main(Log& log) {
            static_cast<void>(EventLoop::current().create_task(left(log)));
            co_await sleep(1s);
            co_return 7;
        }
    };
    EventLoop::Options options;
    options.clock = &clock;
    CHECK(stepwise::run(Bodies::main(log), options) == 7);
    CHECK(log.front() == "left task ended");
    CHECK(clock.now() - TimePoint{} == 1s);
}

TEST_CASE("run throws what main throws, after the rest was cancelled") {
    Log log;
    struct Bodies {
        static Coro<> left(Log& log) {
            SaysAtEnd says(log, "cancelled");
            co_await sleep(1h);
        }
        static Coro<> main(Log& log) {
            static_cast<void>(EventLoop::current().create_task(left(log)));
            co_await sleep(0s);
            throw std::runtime_error("main broke");
        }
    };
    CHECK_THROWS_WITH(stepwise::run(Bodies::main(log)), "main broke");
    CHECK(log == Log{"cancelled"});
}

TEST_CASE("run ends although two tasks wait for each other") {
    struct Bodies {
        static Coro<> wait(std::optional<Future<>>& other) {
            co_await sleep(0s);
            co_await *other;
        }
        static Coro<int> main(std::optional<Future<>>& first, std::optional<Future<>>& second) {
            first.emplace(EventLoop::current().create_task(wait(second)));
            second.emplace(EventLoop::current().create_task(wait(first)));
            co_await sleep(0s);
            co_await sleep(0s);
            co_await sleep(0s);
            co_return 3;
        }
    };
    std::optional<Future<>> first;
    std::optional<Future<>> second;
    CHECK(stepwise::run(Bodies::main(first, second)) == 3);
    CHECK(first->cancelled());
    CHECK(second->cancelled());
}

TEST_CASE("a loop with 10,000 pending tasks ends") {
    Log log;
    struct Bodies {
        static Coro<> inner(SaysAtEnd) { co_await sleep(1h); }
        static Coro<> outer(Log& log) { co_await inner(SaysAtEnd(log, "x")); }
        static Coro<> waits(Future<> future, Log& log) {
            SaysAtEnd says(log, "x");
            co_await future;
        }
    };
    {
        World world;
        Future<> never = world.loop.create_future();
        for (int count = 0; count < 5'000; ++count) {
            static_cast<void>(world.loop.create_task(Bodies::outer(log)));
            static_cast<void>(world.loop.create_task(Bodies::waits(never, log)));
        }
        world.turns(1);
        CHECK(world.loop.task_count() == 10'000);
    }
    CHECK(log.size() == 10'000);
}

TEST_CASE("a loop's end destroys calls and timers without making them, while the loop is still there") {
    Log log;
    struct LooksForLoop {
        explicit LooksForLoop(Log& to) : log(&to) {}
        LooksForLoop(LooksForLoop&& other) noexcept : log(std::exchange(other.log, nullptr)) {}
        ~LooksForLoop() {
            if (log == nullptr) return;
            log->push_back(EventLoop::running() == nullptr ? "no loop" : "ended");
        }
        Log* log;
    };
    {
        World world;
        world.loop.call_soon([held = LooksForLoop(log)] { FAIL("was called"); });
        world.loop.call_later(1s, [held = LooksForLoop(log)] { FAIL("was called"); });
        world.loop.call_soon_threadsafe([held = LooksForLoop(log)] { FAIL("was called"); });
    }
    CHECK(log == Log{"ended", "ended", "ended"});
}

TEST_CASE("frames that end with the loop can still remove what they had added") {
    Log log;
    struct Bodies {
        static Coro<> body(Log& log) {
            EventLoop& loop = EventLoop::current();
            Handle timer = loop.call_later(1h, [] {});
            AtEnd removes([&] {
                log.push_back(loop.remove_reader(0) ? "removed a reader" : "no reader");
                log.push_back(loop.remove_signal_handler(1) ? "removed a handler" : "no handler");
                log.push_back(timer.cancel() ? "cancelled" : "not cancelled");
            });
            co_await sleep(1h);
        }
    };
    {
        World world;
        static_cast<void>(world.loop.create_task(Bodies::body(log)));
        world.turns(1);
    }
    CHECK(log == Log{"no reader", "no handler", "cancelled"});
}

namespace {

struct CountedNode : ReadyNode {
    CountedNode() noexcept : ReadyNode([](ReadyNode& node) { ++static_cast<CountedNode&>(node).runs; }) {}
    int runs = 0;
};

struct Bound final : LoopBound {
    explicit Bound(Log& to) : log(to) {}
    void loop_closing() noexcept override { log.push_back("closing"); }
    Log& log;
};

}  // namespace

TEST_CASE("a before_poll node runs once, between the turn that queued it and the next") {
    World world;
    CountedNode node;
    world.loop.call_soon([&] { world.loop.before_poll(node); });
    world.turns(1);
    CHECK(node.runs == 0);
    world.turns(1);
    CHECK(node.runs == 1);
    world.turns(2);
    CHECK(node.runs == 1);
    world.loop.before_poll(node);
    CHECK(world.loop.cancel_before_poll(node));
    CHECK_FALSE(world.loop.cancel_before_poll(node));
    world.turns(1);
    CHECK(node.runs == 1);
}

TEST_CASE("the loop's end tells whoever is bound to it, once, and nobody who was unbound") {
    Log log;
    Bound stays(log);
    Bound leaves(log);
    {
        World world;
        world.loop.bind(leaves);
        world.loop.bind(stays);
        world.loop.unbind(leaves);
        world.loop.unbind(leaves);
    }
    CHECK(log == Log{"closing"});
}

TEST_CASE("a before_poll node may take another one out that was to run after it") {
    World world;
    struct TakesOut : ReadyNode {
        TakesOut(EventLoop& its_loop, ReadyNode& to_take_out) noexcept
            : ReadyNode([](ReadyNode& node) {
                  auto& self = static_cast<TakesOut&>(node);
                  self.found = self.loop.cancel_before_poll(self.other);
              }),
              loop(its_loop),
              other(to_take_out) {}
        EventLoop& loop;
        ReadyNode& other;
        bool found = false;
    };
    CountedNode second;
    TakesOut first(world.loop, second);
    world.loop.before_poll(first);
    world.loop.before_poll(second);
    world.turns(2);
    CHECK(first.found);
    CHECK(second.runs == 0);
}
