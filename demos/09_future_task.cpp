// A Future and a Task under the magnifying glass: what changes at once, and what is only queued for the next turn.
//
// The demo before it: 08_coroutine. New: main() turns the loop by hand, so that each turn can be looked at.
// Run:    ./stepwise run 09 [--lang zh|en]
// Try:    set the number before the first turn. How many steps does the task take then?
// Prints: future: pending                           task: pending
//         set_result(42)                            -- turn 2: step: begins, awaits the number
//         future: result 42, no callback has run    number.set_result(41): wakeup, the task is only queued
//         -- turn 1: callback 1 got 42 ...          -- turn 3: step: got 41, returns 42
//                                                   -- turn 4: callback: the task gave 42
#include <fmt/core.h>

#include <exception>
#include <stdexcept>
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
void turn(EventLoop& loop);
std::string state_of(const Future<int>& future);

// pending becomes result, once. The callbacks hear of it in the next turn: set_result calls nobody.
void show_a_future(EventLoop& loop) {
    //[ future
    Future<int> future = loop.create_future<int>();
    say("future: " + state_of(future), "future: " + state_of(future));
    for (int number : {1, 2}) {
        future.add_done_callback([number](Future<int> done) {
            say(fmt::format("  回调 {} 得到 {}", number, done.result()),
                fmt::format("  callback {} got {}", number, done.result()));
        });
    }
    say("set_result(42)", "set_result(42)");
    future.set_result(42);
    const std::string now = state_of(future);
    say("future: " + now + "，回调还没运行", "future: " + now + ", no callback has run");
    turn(loop);
    //]

    try {
        future.set_result(43);
    } catch (const stepwise::InvalidStateError&) {
        say("set_result(43): 被拒绝", "set_result(43): refused");
    }
    say("future: " + state_of(future), "future: " + state_of(future));
}

// The other two ends.
void show_how_a_future_fails(EventLoop& loop) {
    Future<int> broken = loop.create_future<int>();
    broken.set_exception(std::make_exception_ptr(std::runtime_error("no disk")));
    say("broken: " + state_of(broken), "broken: " + state_of(broken));

    Future<int> given_up = loop.create_future<int>();
    given_up.cancel();
    say("given_up: " + state_of(given_up), "given_up: " + state_of(given_up));
}

Coro<int> add_one(Future<int> number) {
    say("  step: 开始，等 number", "  step: begins, awaits the number");
    const int value = co_await number;
    say(fmt::format("  step: 得到 {}，返回 {}", value, value + 1),
        fmt::format("  step: got {}, returns {}", value, value + 1));
    co_return value + 1;
}

// A task is a future whose result a coroutine makes: step, suspend, wakeup, step.
void show_a_task(EventLoop& loop) {
    Future<int> number = loop.create_future<int>();
    Task<int> task = loop.create_task(add_one(number));
    task.add_done_callback([](Future<int> done) {
        const std::string gave = std::to_string(done.result());
        say("  回调: task 给出 " + gave, "  callback: the task gave " + gave);
    });
    say("task: " + state_of(task), "task: " + state_of(task));
    turn(loop);
    say("task: " + state_of(task) + ", suspended", "task: " + state_of(task) + ", suspended");
    number.set_result(41);
    say("number.set_result(41): wakeup，task 只是排进队列", "number.set_result(41): wakeup, the task is only queued");
    turn(loop);
    say("task: " + state_of(task), "task: " + state_of(task));
    turn(loop);
}

std::string state_of(const Future<int>& future) {
    if (!future.done()) return "pending";
    if (future.cancelled()) return "cancelled";
    try {
        return fmt::format("result {}", future.result());
    } catch (const std::exception& error) {
        return fmt::format("exception ({})", error.what());
    }
}

// Runs what is ready now, and nothing that becomes ready meanwhile.
void turn(EventLoop& loop) {
    static int turns = 0;
    const std::string number = std::to_string(++turns);
    say("-- 第 " + number + " 轮", "-- turn " + number);
    loop.run_once();
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "What a Future and a Task do in each turn of the loop.");

    EventLoop loop;
    show_a_future(loop);
    show_how_a_future_fails(loop);
    show_a_task(loop);
}
