#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/tests/runtime/support.hpp>

namespace {

using namespace runtime_test;

Coro<> puts(Queue<int>& queue, int from, int to, Log& log) {
    for (int number = from; number <= to; ++number) {
        co_await queue.put(number);
        log.push_back("put " + std::to_string(number));
    }
}

template <class AnyQueue>
Coro<> gets_all(AnyQueue& queue, Log& log) {
    while (auto value = co_await queue.get()) log.push_back("got " + std::to_string(*value));
    log.push_back("end");
}

Coro<std::string> put_fails(Queue<int>& queue) {
    try {
        co_await queue.put(1);
    } catch (const QueueClosed& error) {
        co_return error.what();
    }
    co_return "was put";
}

Coro<> get_one(Queue<std::unique_ptr<int>>& queue, Log& log, std::string name) {
    auto value = co_await queue.get();
    log.push_back(name + (value ? " got " + std::to_string(**value) : " got nothing"));
}

}  // namespace

TEST_CASE("a queue gives what was put into it, in order, and never holds more than its capacity") {
    World world;
    Log log;
    Queue<int> queue(2);
    world.loop.create_task(puts(queue, 1, 5, log));
    world.turns(3);
    CHECK(log == Log{"put 1", "put 2"});
    CHECK(queue.is_full());
    CHECK(queue.try_get() == 1);
    world.turns(1);
    CHECK(log.back() == "put 3");
    CHECK(queue.size() == 2);
    for (int number : {2, 3, 4, 5}) {
        CHECK(queue.try_get() == number);
        world.turns(1);
    }
    CHECK_FALSE(queue.try_get());
    CHECK(queue.is_empty());
}

TEST_CASE("who waits for a value gets it straight, the longest waiting first") {
    World world;
    Log log;
    Queue<std::unique_ptr<int>> queue(1);
    world.loop.create_task(get_one(queue, log, "a"));
    world.loop.create_task(get_one(queue, log, "b"));
    world.turns(1);
    CHECK(queue.try_put(std::make_unique<int>(1)));
    CHECK(queue.is_empty());
    CHECK(queue.try_put(std::make_unique<int>(2)));
    CHECK(queue.try_put(std::make_unique<int>(3)));
    auto kept = std::make_unique<int>(4);
    CHECK_FALSE(queue.try_put(kept));
    CHECK(*kept == 4);
    world.turns(1);
    CHECK(log == Log{"a got 1", "b got 2"});
}

TEST_CASE("a closed queue is emptied, then it has an end; nothing can be put into it") {
    World world;
    Log log;
    Queue<int> queue(4);
    world.run(puts(queue, 1, 3, log));
    queue.close();
    queue.close();
    log.clear();
    world.run(gets_all(queue, log));
    CHECK(log == Log{"got 1", "got 2", "got 3", "end"});
    CHECK(world.run(put_fails(queue)) == "the queue is closed: nothing can be put into it any more");
    CHECK_FALSE(queue.try_put(1));
    CHECK(queue.closed());
}

TEST_CASE("close wakes those who wait to get, and those who wait to put") {
    World world;
    Log log;
    SUBCASE("to get") {
        Queue<int> queue(1);
        Task<> task = world.loop.create_task(gets_all(queue, log));
        world.turns(1);
        queue.close();
        world.turns(1);
        CHECK(log == Log{"end"});
    }
    SUBCASE("to put: its value is not in the queue") {
        Queue<int> queue(1);
        CHECK(queue.try_put(7));
        Task<std::string> task = world.loop.create_task(put_fails(queue));
        world.turns(1);
        queue.close();
        world.turns(1);
        CHECK(task.result() == "the queue is closed: nothing can be put into it any more");
        CHECK(queue.try_get() == 7);
        CHECK_FALSE(queue.try_get());
    }
}

TEST_CASE("a cancelled get has taken nothing, a cancelled put has put nothing") {
    World world;
    Log log;
    Queue<int> queue(1);
    SUBCASE("get") {
        Task<> task = world.loop.create_task(gets_all(queue, log));
        world.turns(1);
        task.cancel();
        CHECK(queue.try_put(1));
        world.turns(1);
        CHECK(task.cancelled());
        CHECK(queue.try_get() == 1);
    }
    SUBCASE("put") {
        CHECK(queue.try_put(1));
        Task<> task = world.loop.create_task(puts(queue, 2, 2, log));
        world.turns(1);
        task.cancel();
        CHECK(queue.try_get() == 1);
        world.turns(1);
        CHECK(task.cancelled());
        CHECK_FALSE(queue.try_get());
    }
}

TEST_CASE("a value that was handed over before the cancellation is delivered") {
    World world;
    Log log;
    Queue<std::unique_ptr<int>> queue(1);
    Task<> task = world.loop.create_task(get_one(queue, log, "a"));
    world.turns(1);
    CHECK(queue.try_put(std::make_unique<int>(5)));
    task.cancel();
    world.turns(1);
    CHECK(log == Log{"a got 5"});
}

TEST_CASE("a priority queue gives the smallest first, of equal ones the oldest") {
    World world;
    struct Job {
        int priority;
        std::string name;
        bool operator<(const Job& other) const { return priority < other.priority; }
    };
    PriorityQueue<Job> queue(8);
    for (auto [priority, name] : {std::pair(2, "b"), std::pair(1, "a"), std::pair(2, "c"), std::pair(1, "d")}) {
        CHECK(queue.try_put(Job{priority, name}));
    }
    std::string order;
    while (auto job = queue.try_get()) order += job->name;
    CHECK(order == "adbc");

    Log log;
    PriorityQueue<int, std::greater<int>> greatest(3);
    for (int number : {1, 3, 2}) CHECK(greatest.try_put(number));
    greatest.close();
    world.run(gets_all(greatest, log));
    CHECK(log == Log{"got 3", "got 2", "got 1", "end"});
}

TEST_CASE("a queue without room is refused") {
    CHECK_THROWS_AS(Queue<int>(0), std::invalid_argument);
    CHECK_THROWS_AS(PriorityQueue<int>(0), std::invalid_argument);
}

TEST_CASE("a loop may end while tasks wait to put and to get") {
    Log log;
    Queue<int> full(1);
    Queue<int> empty(1);
    CHECK(full.try_put(1));
    World world;
    world.loop.create_task(puts(full, 2, 3, log));
    world.loop.create_task(gets_all(empty, log));
    world.turns(1);
    CHECK(log.empty());
}

TEST_CASE("a producer and a consumer pass a hundred thousand values, and timers go on meanwhile") {
    World world;
    struct Bodies {
        static Coro<> produce(Queue<int>& queue) {
            for (int number = 0; number < 100'000; ++number) co_await queue.put(number);
            queue.close();
        }
        static Coro<long> consume(Queue<int>& queue) {
            long sum = 0;
            while (auto value = co_await queue.get()) sum += *value;
            co_return sum;
        }
    };
    Queue<int> queue(64);
    world.loop.create_task(Bodies::produce(queue));
    CHECK(world.run(Bodies::consume(queue)) == 4'999'950'000);
}
