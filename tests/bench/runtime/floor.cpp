// The rows of the floor (floor.hpp), under the names of the runtime's own.
#include <stepwise/tests/bench/runtime/floor_rows.hpp>

#include <stepwise/tests/bench/runtime/floor.hpp>

#include <algorithm>
#include <vector>

namespace bench::floor {

namespace {

using Operations = Frame<> (*)(std::size_t count);

Spawned<> warmed_up(Operations operations, std::size_t count, Meter& meter) {
    co_await operations(warm_up_count);
    meter.start();
    co_await operations(count);
    meter.stop();
}

template <Operations operations>
void in_a_task(std::size_t count, Meter& meter) {
    Spawned<> task = warmed_up(operations, count, meter);
    task.start();
    run_until_idle();
}

Frame<int> at_once() {
    co_return 1;
}
Frame<> create_and_await(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) use(co_await at_once());
}

Frame<> descend(int levels) {
    if (levels > 1) co_await descend(levels - 1);
}
Frame<> chains(std::size_t count) {
    for (std::size_t done = 0; done < count; done += 1000) co_await descend(1000);
}

Frame<int> fibonacci(int n) {
    if (n < 2) co_return n;
    int before = co_await fibonacci(n - 1);
    co_return before + co_await fibonacci(n - 2);
}
Frame<> fibonaccis(std::size_t count) {
    if (count == warm_up_count) {
        use(co_await fibonacci(15));
        co_return;
    }
    for (std::size_t done = 0; done < count; done += calls_of_fibonacci_25) use(co_await fibonacci(25));
}

Frame<> yields(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) co_await Yield();
}

Spawned<> yielding(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) co_await Yield();
}
Frame<> many_yield(std::size_t count) {
    constexpr std::size_t task_count = 10'000;
    Join join(task_count);
    std::vector<Spawned<>> tasks;
    tasks.reserve(task_count);
    for (std::size_t index = 0; index < task_count; ++index) {
        tasks.push_back(yielding(std::max<std::size_t>(1, count / task_count)));
        tasks.back().start(&join);
    }
    co_await join;
}

Frame<> future_wakes(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
        Future future;
        call_soon([&future] { future.set_result(1); });
        use(co_await future);
    }
}

Spawned<int> task_at_once() {
    co_return 1;
}
Frame<> tasks_joined(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
        Join join(1);
        Spawned<int> task = task_at_once();
        task.start(&join);
        co_await join;
        use(task.result());
    }
}

Frame<> gathers(std::size_t count) {
    std::vector<Spawned<int>> tasks;
    tasks.reserve(1000);
    for (std::size_t done = 0; done < count; done += 1000) {
        Join join(1000);
        for (int index = 0; index < 1000; ++index) {
            tasks.push_back(task_at_once());
            tasks.back().start(&join);
        }
        co_await join;
        for (Spawned<int>& task : tasks) use(task.result());
        tasks.clear();
    }
}

Spawned<> echo(Queue& questions, Queue& answers, std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
        int value = co_await questions.get();
        co_await answers.put(value);
    }
}
Frame<> queue_round_trips(std::size_t count) {
    Queue questions(1);
    Queue answers(1);
    Spawned<> other = echo(questions, answers, count);
    other.start();
    for (std::size_t done = 0; done < count; ++done) {
        co_await questions.put(1);
        use(co_await answers.get());
    }
}

Spawned<> produce(Queue& queue, std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) co_await queue.put(1);
}
Frame<> queue_items(std::size_t count) {
    Queue queue(64);
    Spawned<> producer = produce(queue, count);
    producer.start();
    for (std::size_t done = 0; done < count; ++done) use(co_await queue.get());
}

Numbers numbers(std::size_t end) {
    for (std::size_t number = 0; number < end; ++number) co_yield number;
}
void generator_values(std::size_t count, Meter& meter) {
    auto operations = [](std::size_t wanted) {
        Numbers all = numbers(wanted);
        while (all.next()) use(all.value());
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
}

// As many as wait for one thing: each is a node in its own frame.
struct Never : FrameNode {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { frame = waiting; }
    void await_resume() const noexcept {}
};
Spawned<> wait_for_ever() {
    co_await Never();
}
void suspended_tasks(std::size_t count, Meter& meter) {
    std::vector<Spawned<>> tasks;
    tasks.reserve(count);
    std::uint64_t before = allocations().bytes;
    for (std::size_t index = 0; index < count; ++index) {
        tasks.push_back(wait_for_ever());
        tasks.back().start();
    }
    run_turn();
    meter.set_bytes(static_cast<double>(allocations().bytes - before) / static_cast<double>(count));
}

constexpr std::array rows{
    Row{"create_await", 2'000'000, in_a_task<create_and_await>},
    Row{"await_chain_1000", 2'000'000, in_a_task<chains>},
    Row{"fibonacci_25", calls_of_fibonacci_25 * 8, in_a_task<fibonaccis>},
    Row{"yield", 4'000'000, in_a_task<yields>},
    Row{"yield_10000_tasks", 4'000'000, in_a_task<many_yield>},
    Row{"future_wakes_task", 2'000'000, in_a_task<future_wakes>},
    Row{"create_task_join", 2'000'000, in_a_task<tasks_joined>},
    Row{"gather_1000", 2'000'000, in_a_task<gathers>},
    Row{"queue_round_trip", 2'000'000, in_a_task<queue_round_trips>},
    Row{"queue_64_item", 4'000'000, in_a_task<queue_items>},
    Row{"generator_value", 5'000'000, generator_values},
    Row{"suspended_task_bytes", 20'000, suspended_tasks},
};

}  // namespace

}  // namespace bench::floor

int main(int argc, char** argv) {
    std::vector<bench::Row> rows(bench::floor::rows.begin(), bench::floor::rows.end());
    for (auto part : {bench::floor::loop_rows(), bench::floor::cancel_rows()})
        rows.insert(rows.end(), part.begin(), part.end());
    return bench::run_rows(argc, argv, rows);
}
