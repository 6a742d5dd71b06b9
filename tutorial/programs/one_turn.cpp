// One turn of the real loop: five things are asked for, and run in an order that says how each came into the queue.
//
// For chapter 14. main turns the loop by hand.
// Run:    ./stepwise run one_turn [--lang zh|en]
// Try:    ask for the five in another order. Which of them keep their places in the turn?
// Prints: -- turn 1: call_soon, the done callback and the task's step, then the descriptor, then call_later(0)
//         -- turn 2: what turn 1 queued
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/unique_fd.hpp>
#include <string>
#include <system_error>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;
using stepwise::UniqueFd;

net::DemoOptions options;

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

void say(const std::string& zh, const std::string& en);
Pipe make_pipe();
void write_byte(const Pipe& pipe);
void read_byte(const Pipe& pipe);

void on_timer() {
    say("  call_later(0)，来自定时器", "  call_later(0), from the timers");
}

void on_readable(EventLoop& loop, const Pipe& pipe) {
    say("  描述符，来自 poll", "  descriptor, from the poll");
    read_byte(pipe);
    loop.remove_reader(pipe.read_end.get());
}

void on_call(EventLoop& loop) {
    say("  call_soon，早在队列里", "  call_soon, was in the queue");
    loop.call_soon([] { say("  call_soon 里的 call_soon，来自第 1 轮", "  call_soon in a call_soon, from turn 1"); });
}

void on_done(Future<int>) {
    say("  完成回调，早在队列里", "  done callback, was in the queue");
}

Coro<> one_step() {
    say("  task 的 step，早在队列里", "  step of a task, was in the queue");
    co_return;
}

void ask_for_five_things(EventLoop& loop, const Pipe& pipe, Future<int> future) {
    //[ ask
    loop.call_later(0s, on_timer);
    loop.add_reader(pipe.read_end.get(), [&loop, &pipe] { on_readable(loop, pipe); });
    write_byte(pipe);
    loop.call_soon([&loop] { on_call(loop); });
    future.add_done_callback(on_done);
    future.set_result(42);
    loop.create_task(one_step());
    //]
}

void turn(EventLoop& loop, int number) {
    say(fmt::format("-- 第 {} 轮", number), fmt::format("-- turn {}", number));
    loop.run_once();
}

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void write_byte(const Pipe& pipe) {
    if (::write(pipe.write_end.get(), "!", 1) != 1) throw std::system_error(errno, std::generic_category(), "write");
}

void read_byte(const Pipe& pipe) {
    char byte = 0;
    if (::read(pipe.read_end.get(), &byte, 1) != 1) throw std::system_error(errno, std::generic_category(), "read");
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "One turn of the event loop, and the next.");

    EventLoop loop;
    const Pipe pipe = make_pipe();
    ask_for_five_things(loop, pipe, loop.create_future<int>());
    turn(loop, 1);
    turn(loop, 2);
}
