// Coroutine, version 2: a wrapper hides the first next(), so that request_a() is called like any function.
//
// The demo before it: 05_coroutine_v1. New: coroutine(), what Python writes as a decorator above the function.
// Run:    ./stepwise run 06 [--lang zh|en] [--scale 0.1]
// Try:    find the line that starts A's body. Give request_a() an argument: which lines must change?
// Prints: what 05 prints, line for line: main is simpler, `gen` is still one place for all, and the answers still mix.
//         [ 7.0 s | main] A got: data-D
//         [10.0 s | main] nobody waits for data-A
// Cures:  a caller that must know what a generator is. Left: the global (07).
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <stepwise/runtime/thread.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace {

namespace net = stepwise::net;
namespace this_thread = stepwise::this_thread;  // as std's, and in virtual time on the simulator
using namespace std::chrono_literals;
using stepwise::Thread;

const auto start = this_thread::now();
net::DemoOptions options;
thread_local const char* thread_name = "main";

void say(const std::string& zh, const std::string& en);
void wait(std::chrono::seconds duration);
int long_io(std::string_view client, std::chrono::seconds duration);

// Yields the number of the operation that it waits for; the answer is sent in.
using Request = stepwise::Generator<int, std::string>;

Request gen;  // whoever waits. There is one place for all.

//[ wrapper
// Makes of a generator a plain function that starts it.
auto coroutine(Request (*function)()) {
    return [function] {
        gen = function();
        gen.next();
    };
}
//]

Request steps_of_a() {
    say("A 进入", "A in");
    const std::string answer = co_yield long_io("A", 5s);
    say("A 得到: " + answer, "A got: " + answer);
    say("A 离开", "A out");
}

Request steps_of_d() {
    say("D 进入", "D in");
    const std::string answer = co_yield long_io("D", 2s);
    say("D 得到: " + answer, "D got: " + answer);
    say("D 离开", "D out");
}

//[ wrapped
const auto request_a = coroutine(steps_of_a);
const auto request_d = coroutine(steps_of_d);
//]

void request_b() {
    say("B 进入", "B in");
    wait(2s);
    say("B 离开", "B out");
}

void request_c() {
    say("C 进入", "C in");
    say("C 离开", "C out");
}

struct Operation {
    std::string answer;
    Thread thread;
};
std::deque<Operation> operations;  // in the order in which they began

// Returns at once. Its thread only leaves the answer: resuming a generator is left to main, so that A never runs on two
// threads at once.
int long_io(std::string_view client, std::chrono::seconds duration) {
    Operation& operation = operations.emplace_back();
    operation.thread = Thread([&operation, duration, client = std::string(client)] {
        thread_name = "io";
        say("io 开始: " + client, "io begins: " + client);
        wait(duration);
        say("io 结束: " + client, "io ends: " + client);
        operation.answer = "data-" + client;
    });
    return static_cast<int>(operations.size());
}

void resume_with(const std::string& answer) {
    if (gen.done()) return say("没有人等 " + answer, "nobody waits for " + answer);
    const auto next = gen.send(answer);
    if (!next) say("生成器到头了，不是错误", "the generator is at its end, which is no error");
}

// Simplified: it takes the answers in the order in which the operations began. An event loop takes whichever is ready.
void wait_for_operations() {
    for (; !operations.empty(); operations.pop_front()) {
        operations.front().thread.join();
        resume_with(operations.front().answer);
    }
}

double seconds_since_start() {
    return std::chrono::duration<double>(this_thread::now() - start).count() / options.scale;
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("[{:4.1f} s | {:<4}] {}\n", seconds_since_start(), thread_name,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

void wait(std::chrono::seconds duration) {
    this_thread::sleep_for(duration * options.scale);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A wrapper starts the generator; the global is still there.");

    //[ main
    request_a();
    request_b();
    request_c();
    wait_for_operations();
    //]

    say("-- 两个同时来: D, A", "-- two at once: D, A");
    request_d();
    request_a();
    wait_for_operations();
}
