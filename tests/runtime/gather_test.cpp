#include <stepwise/runtime/gather.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <unordered_map>
#include <variant>

namespace {

using namespace runtime_test;

template <class T>
Coro<T> after(Duration duration, Log& log, T value) {
    log.push_back("begins");
    co_await sleep(duration);
    log.push_back("ends");
    co_return value;
}

Coro<> named(Duration duration, Log& log, std::string name) {
    log.push_back(name + " begins");
    SaysAtEnd says(log, name + " ends");
    co_await sleep(duration);
    log.push_back(name + " slept");
}

Coro<> fails_after(Duration duration, std::string what) {
    co_await sleep(duration);
    throw std::runtime_error(what);
}

Coro<> both(Coro<> first, Coro<> second) {
    co_await gather(std::move(first), std::move(second));
}

}  // namespace

TEST_CASE("gather gives a tuple in the order in which the Coros were written; void is std::monostate") {
    World world;
    Log log;
    auto body = [](Log& to) -> Coro<std::string> {
        Coro<int> slow = after(3s, to, 1);
        Coro<std::string> quick = after(1s, to, std::string("two"));
        Coro<> nothing = sleep_for(2s);
        auto [number, text, none] = co_await gather(std::move(slow), std::move(quick), std::move(nothing));
        static_assert(std::is_same_v<decltype(none), std::monostate>);
        co_return std::to_string(number) + text;
    };
    CHECK(world.run(body(log)) == "1two");
    CHECK(world.elapsed() == 3s);
    CHECK(log == Log{"begins", "begins", "ends", "ends"});
}

TEST_CASE("gather starts its children in the order in which they were written") {
    World world;
    Log log;
    world.run(both(named(1s, log, "a"), named(1s, log, "b")));
    CHECK(log == Log{"a begins", "b begins", "a slept", "a ends", "b slept", "b ends"});
}

TEST_CASE("gather of a map gives a map with the same keys, of void nothing, of an empty map an empty one") {
    World world;
    Log log;
    struct Bodies {
        static Coro<std::map<std::string, int>> numbers(Log& log) {
            std::map<std::string, Coro<int>> bodies;
            bodies.emplace("slow", after(3s, log, 3));
            bodies.emplace("quick", after(1s, log, 1));
            co_return co_await gather(std::move(bodies));
        }
        static Coro<> nothing(Log& log) {
            std::unordered_map<int, Coro<>> bodies;
            bodies.emplace(1, named(1s, log, "a"));
            co_await gather(std::move(bodies));
        }
        static Coro<std::size_t> none() {
            std::map<int, Coro<int>> bodies;
            std::map<int, int> results = co_await gather(std::move(bodies));
            co_return results.size();
        }
    };
    CHECK(world.run(Bodies::numbers(log)) == std::map<std::string, int>{{"quick", 1}, {"slow", 3}});
    CHECK(world.elapsed() == 3s);
    log.clear();
    world.run(Bodies::nothing(log));
    CHECK(log == Log{"a begins", "a slept", "a ends"});
    CHECK(world.run(Bodies::none()) == 0);
}

TEST_CASE("gather of a map throws its first error, and leaves the others running") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> all(Log& log) {
            std::map<int, Coro<>> bodies;
            bodies.emplace(1, fails_after(1s, "first"));
            bodies.emplace(2, named(2s, log, "other"));
            co_await gather(std::move(bodies));
        }
    };
    CHECK_THROWS_WITH(world.run(Bodies::all(log)), "first");
    CHECK(world.elapsed() == 1s);
    world.run(sleep_for(2s));
    CHECK(log == Log{"other begins", "other slept", "other ends"});
}

TEST_CASE("gather of a vector gives a vector, of void nothing, of an empty vector an empty one at once") {
    World world;
    Log log;
    struct Bodies {
        static Coro<std::vector<int>> numbers(int count, Log& log) {
            std::vector<Coro<int>> bodies;
            for (int at = 0; at < count; ++at) bodies.push_back(after(std::chrono::seconds(count - at), log, at));
            co_return co_await gather(std::move(bodies));
        }
        static Coro<std::vector<std::unique_ptr<int>>> pointers() {
            std::vector<Coro<std::unique_ptr<int>>> bodies;
            for (int at = 0; at < 3; ++at) bodies.push_back(pointer(at));
            co_return co_await gather(std::move(bodies));
        }
        static Coro<std::unique_ptr<int>> pointer(int value) { co_return std::make_unique<int>(value); }
        static Coro<> nothing(int count) {
            std::vector<Coro<>> bodies;
            for (int at = 0; at < count; ++at) bodies.push_back(sleep_for(1s));
            co_await gather(std::move(bodies));
        }
        static Coro<std::tuple<>> none_written() { co_return co_await gather(); }
    };
    CHECK(world.run(Bodies::numbers(4, log)) == std::vector<int>{0, 1, 2, 3});
    CHECK(world.elapsed() == 4s);
    CHECK(world.run(Bodies::numbers(0, log)).empty());
    CHECK(*world.run(Bodies::pointers())[2] == 2);
    world.run(Bodies::nothing(0));
    world.run(Bodies::nothing(1000));
    CHECK(world.elapsed() == 5s);
    CHECK(world.run(Bodies::none_written()) == std::tuple<>());
}

TEST_CASE("the first error is thrown as soon as it happens, and the other children run on") {
    World world;
    Log log;
    Task<> task = world.loop.create_task(both(named(2s, log, "other"), fails_after(1s, "first error")));
    CHECK_THROWS_WITH(world.loop.run_until_complete(task), "first error");
    CHECK(world.elapsed() == 1s);
    CHECK(world.loop.task_count() == 1);
    world.run(sleep_for(2s));
    CHECK(log == Log{"other begins", "other slept", "other ends"});
    CHECK(world.lost.empty());
}

TEST_CASE("an error after the first one is reported, since nobody can ask for it") {
    World world;
    CHECK_THROWS_WITH(world.run(both(fails_after(1s, "first error"), fails_after(2s, "second error"))), "first error");
    world.run(sleep_for(2s));
    CHECK(world.lost == Log{"second error"});
}

TEST_CASE("two errors in one turn: the first one is thrown, the other is reported") {
    World world;
    CHECK_THROWS_WITH(world.run(both(fails_after(1s, "a"), fails_after(1s, "b"))), "a");
    CHECK(world.lost == Log{"b"});
}

TEST_CASE("cancelling who waits cancels all children, and waits until they have ended") {
    World world;
    Log log;
    struct Bodies {
        // Ends a turn later than it is told to.
        static Coro<> slow_to_end(Log& log, Task<>*& itself) {
            try {
                co_await sleep(1h);
            } catch (const CancelledError&) {
                log.push_back("told");
            }
            itself->uncancel();
            co_await sleep(1s);
            log.push_back("ended");
        }
        static Coro<> calls(Log& log, Task<>*& itself) {
            Task<> task = EventLoop::current().create_task(slow_to_end(log, itself));
            itself = &task;
            co_await task;
        }
    };
    Task<>* itself = nullptr;
    Task<> task = world.loop.create_task(both(named(1h, log, "quick"), Bodies::calls(log, itself)));
    world.turns(3);
    CHECK(task.cancel());
    CHECK_THROWS_AS(world.loop.run_until_complete(task), CancelledError);
    CHECK(log == Log{"quick begins", "quick ends", "told", "ended"});
    CHECK(world.elapsed() == 1s);
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("a task with a pending cancellation that gathers starts no child") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> swallows_and_gathers(Log& log) {
            try {
                co_await sleep(1h);
            } catch (const CancelledError&) {
                log.push_back("swallowed");
            }
            co_await both(named(1s, log, "a"), named(1s, log, "b"));
        }
    };
    Task<> task = world.loop.create_task(Bodies::swallows_and_gathers(log));
    world.turns(1);
    task.cancel();
    CHECK_THROWS_AS(world.loop.run_until_complete(task), CancelledError);
    CHECK(log == Log{"swallowed"});
    world.turns(3);
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("a child that is cancelled by somebody else is CancelledError for who gathers") {
    World world;
    struct Bodies {
        static Coro<> cancels_itself() {
            co_await sleep(1s);
            throw CancelledError();
        }
    };
    Task<> task = world.loop.create_task(both(Bodies::cancels_itself(), sleep_for(2s)));
    CHECK_THROWS_AS(world.loop.run_until_complete(task), CancelledError);
    CHECK(task.cancelling() == 0);
}

TEST_CASE("gather that is awaited a second time says that its children were started") {
    World world;
    struct Bodies {
        static Coro<> twice() {
            std::vector<Coro<>> bodies;
            for (int count = 0; count < 10; ++count) bodies.push_back(sleep_for(1s));
            auto all = gather(std::move(bodies));
            co_await all;
            co_await all;
        }
    };
    CHECK_THROWS_AS(world.run(Bodies::twice()), std::logic_error);
    CHECK(world.elapsed() == 1s);
}

TEST_CASE("gather refuses a Coro that was moved away before it starts any") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> body(Log& log) {
            Coro<> moved = named(1s, log, "moved");
            Coro<> here = std::move(moved);
            co_await gather(named(1s, log, "never"), std::move(moved));
        }
        static Coro<> of_vector(Log& log) {
            std::vector<Coro<>> bodies;
            bodies.push_back(named(1s, log, "never"));
            bodies.push_back(named(1s, log, "moved"));
            Coro<> here = std::move(bodies.back());
            co_await gather(std::move(bodies));
        }
    };
    CHECK_THROWS_AS(world.run(Bodies::body(log)), std::logic_error);
    CHECK_THROWS_AS(world.run(Bodies::of_vector(log)), std::logic_error);
    world.turns(2);
    CHECK(log.empty());
    CHECK(world.loop.task_count() == 0);
}

TEST_CASE("a loop that ends within a gather ends the children too") {
    Log log;
    {
        World world;
        static_cast<void>(world.loop.create_task(both(named(1h, log, "a"), named(1h, log, "b"))));
        world.turns(2);
    }
    CHECK(log.size() == 4);
}

namespace {

Coro<int> fails_with_number(Duration duration) {
    co_await sleep(duration);
    throw std::runtime_error("no number");
    co_return 0;
}

Coro<int> throws_cancelled() {
    throw CancelledError("by itself");
    co_return 0;
}

}  // namespace

TEST_CASE("with return_exceptions gather waits for all, throws for none, and gives their futures in order") {
    World world;
    Log log;
    auto body = [](Log& to) -> Coro<> {
        auto [number, failed, cancelled, nothing] = co_await gather(
            return_exceptions, after(3s, to, 1), fails_with_number(1s), throws_cancelled(), sleep_for(2s));
        CHECK(number.result() == 1);
        CHECK(text_of(failed.exception()) == "no number");
        CHECK(cancelled.cancelled());
        static_assert(std::is_same_v<decltype(nothing), Future<void>>);
        CHECK(nothing.done());
    };
    world.run(body(log));
    CHECK(world.elapsed() == 3s);
    CHECK(world.lost.empty());
}

TEST_CASE("with return_exceptions a vector gives a vector, and a map a map") {
    World world;
    Log log;
    auto body = [](Log& to) -> Coro<> {
        std::vector<Coro<int>> bodies;
        bodies.push_back(fails_with_number(2s));
        bodies.push_back(after(1s, to, 1));
        std::vector<Future<int>> both_of_them = co_await gather(return_exceptions, std::move(bodies));
        REQUIRE(both_of_them.size() == 2);
        CHECK(text_of(both_of_them[0].exception()) == "no number");
        CHECK(both_of_them[1].result() == 1);
        std::map<std::string, Coro<>> named_ones;
        named_ones.emplace("sleeps", sleep_for(1s));
        named_ones.emplace("fails", fails_after(2s, "late"));
        std::map<std::string, Future<>> ends = co_await gather(return_exceptions, std::move(named_ones));
        CHECK(ends.at("sleeps").exception() == nullptr);
        CHECK(text_of(ends.at("fails").exception()) == "late");
        std::vector<Coro<>> no_bodies;
        std::vector<Future<>> none = co_await gather(return_exceptions, std::move(no_bodies));
        CHECK(none.empty());
    };
    world.run(body(log));
    CHECK(world.elapsed() == 4s);
    CHECK(world.lost.empty());
}

TEST_CASE("with return_exceptions an error that nobody asks for is reported") {
    World world;
    auto body = []() -> Coro<> {
        auto [failed] = co_await gather(return_exceptions, fails_after(1s, "unheard"));
        CHECK(failed.done());
    };
    world.run(body());
    CHECK(world.lost == Log{"unheard"});
}

TEST_CASE("with return_exceptions a cancellation cancels all children, waits for them, and is thrown") {
    World world;
    Log log;
    auto body = [](Log& to) -> Coro<> {
        co_await gather(return_exceptions, named(1h, to, "a"), named(1h, to, "b"));
        to.push_back("not reached");
    };
    Task<> task = world.loop.create_task(body(log));
    world.turns(2);
    task.cancel();
    world.turns(5);
    CHECK(task.cancelled());
    CHECK(log == Log{"a begins", "b begins", "a ends", "b ends"});
}
