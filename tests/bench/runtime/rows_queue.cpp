// Values from one task to another.
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <array>

namespace bench {

namespace {

using namespace stepwise;

Coro<void> echo(Queue<int>& questions, Queue<int>& answers, std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
        std::optional<int> value = co_await questions.get();
        co_await answers.put(*value);
    }
}
Coro<void> round_trips(std::size_t count) {
    Queue<int> questions(1);
    Queue<int> answers(1);
    Task<void> other = EventLoop::current().create_task(echo(questions, answers, count));
    for (std::size_t done = 0; done < count; ++done) {
        co_await questions.put(1);
        use(co_await answers.get());
    }
    co_await other;
}

Coro<void> produce(Queue<int>& queue, std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) co_await queue.put(1);
}
Coro<void> items(std::size_t count) {
    Queue<int> queue(64);
    Task<void> producer = EventLoop::current().create_task(produce(queue, count));
    for (std::size_t done = 0; done < count; ++done) use(co_await queue.get());
    co_await producer;
}

constexpr std::array rows{
    Row{"queue_round_trip", 1'000'000, in_a_task<round_trips>},
    Row{"queue_64_item", 2'000'000, in_a_task<items>},
};

}  // namespace

std::span<const Row> queue_rows() {
    return rows;
}

}  // namespace bench
