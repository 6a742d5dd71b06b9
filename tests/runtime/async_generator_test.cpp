#include <stepwise/runtime/async_generator.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <stdexcept>

namespace {

using namespace runtime_test;

AsyncGenerator<int> ticks(Log& log, int count) {
    SaysAtEnd end(log, "generator ends");
    log.push_back("generator begins");
    for (int tick = 1; tick <= count; ++tick) {
        co_await sleep(1s);
        co_yield tick;
    }
}

AsyncGenerator<std::string> breaks() {
    co_yield "first";
    throw std::runtime_error("broke");
}

AsyncGenerator<int> even(AsyncGenerator<int> numbers) {
    while (auto number = co_await numbers.next()) {
        if (*number % 2 == 0) co_yield *number;
    }
}

template <class T>
Coro<Log> all(AsyncGenerator<T> generator) {
    Log log;
    while (auto value = co_await generator.next()) {
        if constexpr (std::is_same_v<T, std::string>) {
            log.push_back(*value);
        } else {
            log.push_back(std::to_string(*value));
        }
    }
    auto again = co_await generator.next();
    log.push_back(again ? "more" : "end");
    co_return log;
}

}  // namespace

TEST_CASE("an async generator waits and gives values, and has an end") {
    World world;
    Log log;
    AsyncGenerator<int> generator = ticks(log, 3);
    CHECK(log.empty());
    CHECK(world.run(all(std::move(generator))) == Log{"1", "2", "3", "end"});
    CHECK(world.elapsed() == 3s);
    CHECK(log == Log{"generator begins", "generator ends"});
    CHECK(world.run(all(ticks(log, 0))) == Log{"end"});
}

TEST_CASE("async generators stand one behind the other") {
    World world;
    Log log;
    CHECK(world.run(all(even(ticks(log, 5)))) == Log{"2", "4", "end"});
}

TEST_CASE("what the body throws is thrown once, then the generator has ended") {
    World world;
    struct Bodies {
        static Coro<Log> body() {
            Log log;
            AsyncGenerator<std::string> generator = breaks();
            auto first = co_await generator.next();
            log.push_back(*first);
            try {
                auto second = co_await generator.next();
                log.push_back(second ? "more" : "end");
            } catch (const std::runtime_error& error) {
                log.push_back(error.what());
            }
            auto third = co_await generator.next();
            log.push_back(third ? "more" : "end");
            co_return log;
        }
    };
    CHECK(world.run(Bodies::body()) == Log{"first", "broke", "end"});
}

TEST_CASE("a generator that is let go of at a co_yield ends there") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> first_only(Log& log) {
            AsyncGenerator<int> generator = ticks(log, 3);
            auto first = co_await generator.next();
            log.push_back("got " + std::to_string(*first));
        }
    };
    world.run(Bodies::first_only(log));
    CHECK(log == Log{"generator begins", "got 1", "generator ends"});
}

TEST_CASE("a cancellation is thrown at the generator's own await, and passes through next()") {
    World world;
    Log log;
    SUBCASE("from outside") {
        Task<Log> task = world.loop.create_task(all(ticks(log, 3)));
        world.turns(2);
        task.cancel();
        world.turns(1);
        CHECK(task.cancelled());
    }
    SUBCASE("by a timeout") {
        struct Bodies {
            static Coro<Log> in_time(Log& log) {
                Coro<Log> body = all(ticks(log, 3));
                co_return co_await timeout(2500ms, std::move(body));
            }
        };
        CHECK_THROWS_AS(world.run(Bodies::in_time(log)), TimeoutError);
    }
    CHECK(log == Log{"generator begins", "generator ends"});
}

TEST_CASE("two tasks may take turns, but not ask at once") {
    World world;
    Log log;
    AsyncGenerator<int> generator = ticks(log, 3);
    struct Bodies {
        static Coro<int> next(AsyncGenerator<int>& generator) {
            auto value = co_await generator.next();
            co_return value.value_or(0);
        }
    };
    CHECK(world.run(Bodies::next(generator)) == 1);
    Task<int> first = world.loop.create_task(Bodies::next(generator));
    world.turns(1);
    CHECK_THROWS_AS(world.run(Bodies::next(generator)), std::logic_error);
    CHECK(world.run(wait_for<int>(first)) == 2);
}

TEST_CASE("a loop may end while a generator waits, and a million values need no deeper stack") {
    Log log;
    struct Bodies {
        static AsyncGenerator<int> numbers(int count) {
            for (int number = 0; number < count; ++number) co_yield number;
        }
        static Coro<long> sum(AsyncGenerator<int> numbers) {
            long sum = 0;
            while (auto number = co_await numbers.next()) sum += *number;
            co_return sum;
        }
    };
    {
        World world;
        CHECK(world.run(Bodies::sum(Bodies::numbers(1'000'000))) == 499'999'500'000);
        world.loop.create_task(all(ticks(log, 3)));
        world.turns(2);
    }
    CHECK(log == Log{"generator begins", "generator ends"});
}
