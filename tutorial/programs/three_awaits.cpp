// One coroutine with three awaits, run twice: as four steps, and as one.
//
// For chapter 13. main turns the loop by hand and sets one future between two turns.
// Run:    ./stepwise run three_awaits [--lang zh|en]
// Try:    set only `second` before the task starts. How many steps, and which of the waits is left out?
// Prints: -- nothing is set: each await suspends      four turns, one step in each
//         -- everything is set: no await suspends     one turn, one step
#include <fmt/core.h>

#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string>

namespace {

namespace net = stepwise::net;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;
using stepwise::Task;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);
void turn(EventLoop& loop, int& turns);

//[ body
// The sum of the three. It says where it begins, goes on after a wait, and ends.
Coro<int> add_up(Future<int> first, Future<int> second, Future<int> third) {
    say("  开始", "  begins");
    const int one = co_await first;
    say(fmt::format("  得到 {}", one), fmt::format("  got {}", one));
    const int two = co_await second;
    say(fmt::format("  得到 {}", two), fmt::format("  got {}", two));
    const int three = co_await third;
    say(fmt::format("  得到 {}，返回", three), fmt::format("  got {}, returns", three));
    co_return one + two + three;
}
//]

void run_with_pending_futures(EventLoop& loop) {
    Future<int> numbers[] = {loop.create_future<int>(), loop.create_future<int>(), loop.create_future<int>()};
    //[ four
    Task<int> task = loop.create_task(add_up(numbers[0], numbers[1], numbers[2]));
    int turns = 0;
    turn(loop, turns);
    for (int index = 0; index < 3; ++index) {
        const int value = 10 * (index + 1);
        fmt::print("set_result({}): wakeup\n", value);
        numbers[index].set_result(value);
        turn(loop, turns);
    }
    //]
    fmt::print("task: result {}\n", task.result());
}

void run_with_finished_futures(EventLoop& loop) {
    Future<int> numbers[] = {loop.create_future<int>(), loop.create_future<int>(), loop.create_future<int>()};
    for (int index = 0; index < 3; ++index) numbers[index].set_result(10 * (index + 1));
    Task<int> task = loop.create_task(add_up(numbers[0], numbers[1], numbers[2]));
    int turns = 0;
    turn(loop, turns);
    fmt::print("task: result {}\n", task.result());
}

// Runs what is ready now: here, one step of the task.
void turn(EventLoop& loop, int& turns) {
    fmt::print("step {}:\n", ++turns);
    loop.run_once();
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Three awaits: four steps, or one.");

    EventLoop loop;
    say("-- 什么都没设置: 每个 await 都暂停", "-- nothing is set: each await suspends");
    run_with_pending_futures(loop);
    say("-- 全都设置好了: 没有 await 暂停", "-- everything is set: no await suspends");
    run_with_finished_futures(loop);
}
