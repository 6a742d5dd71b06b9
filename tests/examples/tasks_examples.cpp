// The examples in the headers about coroutines, tasks and the loop, between marks that name the header.
#include <stepwise/runtime/async_generator.hpp>
#include <stepwise/runtime/context.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/generator.hpp>
#include <stepwise/runtime/shield.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/runtime/wait.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <array>

using namespace runtime_test;

namespace {

//[ runtime/coro.hpp
Coro<int> answer(int question) {
    co_await sleep(1s);
    co_return 2 * question;
}
//]

TEST_CASE("a Coro awaits another") {
    World world;
    auto example = []() -> Coro<int> {
        //[ runtime/coro.hpp
        int doubled = co_await answer(21);
        //]
        co_return doubled;
    };
    CHECK(world.run(example()) == 42);
    CHECK(world.elapsed() == 1s);
}

TEST_CASE("a future gets its result from a callback") {
    World world;
    auto example = [](EventLoop& loop) -> Coro<int> {
        //[ runtime/future.hpp
        Future<int> future = loop.create_future<int>();
        loop.call_later(1s, [future]() mutable { future.set_result(42); });
        int value = co_await future;
        //]
        co_return value;
    };
    CHECK(world.run(example(world.loop)) == 42);
}

TEST_CASE("a task runs on its own, and is awaited") {
    World world;
    auto example = [](EventLoop& loop) -> Coro<int> {
        //[ runtime/task.hpp
        Task<int> task = loop.create_task(answer(21)).set_name("answer");
        int doubled = co_await task;
        //]
        CHECK(task.name() == "answer");
        co_return doubled;
    };
    CHECK(world.run(example(world.loop)) == 42);
}

TEST_CASE("a loop runs until it is stopped, or until a coroutine has returned") {
    auto serve = []() -> Coro<int> { co_return 0; };
    //[ runtime/event_loop.hpp
    int code = run(serve());

    EventLoop loop;
    loop.call_later(10ms, [&] { loop.stop(); });
    loop.run_forever();
    //]
    CHECK(code == 0);
}

TEST_CASE("a handle takes a call back") {
    World world;
    EventLoop& loop = world.loop;
    bool reminded = false;
    auto remind = [&] { reminded = true; };
    //[ runtime/handle.hpp
    Handle reminder = loop.call_later(30s, remind);
    reminder.cancel();
    //]
    world.turns(3);
    CHECK_FALSE(reminded);
    CHECK(world.elapsed() == 0s);
}

TEST_CASE("a clock that is moved by hand costs no time") {
    auto sleep_for_an_hour = []() -> Coro<void> { co_await sleep(1h); };
    //[ runtime/clock.hpp
    ManualClock clock(true);
    EventLoop::Options options;
    options.clock = &clock;
    run(sleep_for_an_hour(), options);
    //]
    CHECK(clock.now() == TimePoint{} + 1h);
}

TEST_CASE("a task sleeps") {
    World world;
    auto example = []() -> Coro<void> {
        //[ runtime/sleep.hpp
        co_await sleep(100ms);
        //]
    };
    world.run(example());
    CHECK(world.elapsed() == 100ms);
}

Coro<std::string> fetch_page(Duration lasts = 1s) {
    co_await sleep(lasts);
    co_return "page";
}

Coro<std::string> fetch_copy() {
    throw std::runtime_error("there is no copy");
    co_return "";
}

TEST_CASE("several bodies share a deadline") {
    World world;
    auto first_half = [] { return fetch_page(); };
    auto second_half = [] { return fetch_page(500ms); };
    auto example = [](EventLoop& loop, auto first_half, auto second_half) -> Coro<std::string> {
        //[ runtime/timeout.hpp
        std::string page = co_await timeout(2s, fetch_page());
        TimePoint due = loop.time_after(2s);
        co_await timeout_at(due, first_half());
        co_await timeout_at(due, second_half());
        //]
        co_return page;
    };
    CHECK(world.run(example(world.loop, first_half, second_half)) == "page");
}

TEST_CASE("an error is caught by its type") {
    World world;
    std::string logged;
    auto log = [&](const char* text) { logged = text; };
    auto example = [](auto log) -> Coro<void> {
        //[ runtime/errors.hpp
        try {
            co_await timeout(200ms, fetch_page());
        } catch (const TimeoutError& error) {
            log(error.what());
        }
        //]
    };
    world.run(example(log));
    CHECK(logged == "timeout: the time that was given is up");
}

struct Connection {
    bool closed = false;
};
Coro<std::string> use(Connection&) {
    co_await sleep(1s);
    co_return "used";
}
Coro<void> close(Connection& connection) {
    co_await sleep(1s);
    connection.closed = true;
}

TEST_CASE("a cleanup awaits") {
    World world;
    Connection connection;
    auto example = [](Connection& connection) -> Coro<void> {
        //[ runtime/finally.hpp
        co_await finally(use(connection), close(connection));
        //]
    };
    world.run(example(connection));
    CHECK(connection.closed);
}

bool saved = false;
Coro<void> save() {
    co_await sleep(1s);
    saved = true;
}

TEST_CASE("what is shielded goes on") {
    World world;
    auto example = [](EventLoop& loop) -> Coro<void> {
        //[ runtime/shield.hpp
        co_await shield(loop.create_task(save()));
        //]
    };
    Task<void> task = world.loop.create_task(example(world.loop));
    world.turns(2);
    task.cancel();
    world.clock.advance(1s);
    world.turns(3);
    CHECK(task.cancelled());
    CHECK(saved);
}

TEST_CASE("several run side by side") {
    World world;
    auto example = [](std::vector<Coro<int>> bodies) -> Coro<std::vector<int>> {
        //[ runtime/gather.hpp
        auto [first, second] = co_await gather(answer(1), fetch_page());
        std::vector<int> all = co_await gather(std::move(bodies));
        auto [page, copy] = co_await gather(return_exceptions, fetch_page(), fetch_copy());
        //]
        CHECK(page.result() == "page");
        CHECK(text_of(copy.exception()) == "there is no copy");
        CHECK(first == 2);
        CHECK(second == "page");
        co_return all;
    };
    std::vector<Coro<int>> bodies;
    bodies.push_back(answer(1));
    bodies.push_back(answer(2));
    CHECK(world.run(example(std::move(bodies))) == std::vector<int>{2, 4});
}

TEST_CASE("the first one decides, or each as it comes") {
    World world;
    int sum = 0;
    auto use = [&](int value) { sum += value; };
    auto example = [](std::vector<Task<int>> tasks, std::vector<Coro<int>> bodies, auto use) -> Coro<int> {
        //[ runtime/wait.hpp
        auto [done, pending] = co_await wait(tasks, WaitFor::first_completed);
        auto completed = as_completed(tasks);
        while (auto next = co_await completed.next()) use(next->result());
        int fastest = co_await race(std::move(bodies));
        //]
        CHECK(done.size() + pending.size() == 2);
        co_return fastest;
    };
    std::vector<Task<int>> tasks;
    std::vector<Coro<int>> bodies;
    for (int question : {1, 2}) {
        tasks.push_back(world.loop.create_task(answer(question)));
        bodies.push_back(answer(question));
    }
    CHECK(world.run(example(std::move(tasks), std::move(bodies), use)) == 2);
    CHECK(sum == 6);
}

int served = 0;
Coro<void> serve_one(int id) {
    served += id;
    co_return;
}

//[ runtime/task_group.hpp
Coro<void> serve_all(TaskGroup& group, int count) {
    for (int id = 0; id < count; ++id) group.start_soon(serve_one, id);
    co_return;
}
//]

TEST_CASE("a group of tasks ends before its block does") {
    World world;
    auto example = []() -> Coro<void> {
        //[ runtime/task_group.hpp
        co_await task_group(serve_all, 3);
        //]
    };
    world.run(example());
    CHECK(served == 0 + 1 + 2);
}

TEST_CASE("a task's value is found ten calls below") {
    World world;
    Log logged;
    auto log = [&](const std::string& line) { logged.push_back(line); };
    auto example = [](auto log) -> Coro<void> {
        //[ runtime/context.hpp
        ContextVar<std::string> request_id("none");
        request_id.set("17");
        log(request_id.get());
        //]
        co_return;
    };
    world.run(example(log));
    CHECK(logged == Log{"17"});
}

//[ runtime/generator.hpp
Generator<int> count_to(int last) {
    for (int number = 1; number <= last; ++number) co_yield number;
}
//]

TEST_CASE("a generator is looked through") {
    int sum = 0;
    auto use = [&](int number) { sum += number; };
    //[ runtime/generator.hpp
    for (int number : count_to(3)) use(number);
    //]
    CHECK(sum == 6);
}

//[ runtime/async_generator.hpp
AsyncGenerator<int> ticks(int count) {
    for (int tick = 0; tick < count; ++tick) {
        co_await sleep(1s);
        co_yield tick;
    }
}
//]

TEST_CASE("a generator waits between two values") {
    World world;
    int sum = 0;
    auto use = [&](int tick) { sum += tick; };
    auto example = [](AsyncGenerator<int> numbers, auto use) -> Coro<void> {
        //[ runtime/async_generator.hpp
        while (auto tick = co_await numbers.next()) use(*tick);
        //]
    };
    world.run(example(ticks(3), use));
    CHECK(sum == 3);
    CHECK(world.elapsed() == 3s);
}

}  // namespace
