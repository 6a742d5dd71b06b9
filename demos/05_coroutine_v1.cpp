// Coroutine, version 1: A pauses where it waits, and the one global generator is resumed with the answer.
//
// The demo before it: 03_callback, with the generator of 04. New: request_a() reads like 02, yet B and C need not wait.
// Run:    ./stepwise run 05 [--lang zh|en] [--scale 0.1]
// Try:    let D's operation end after A's. Who gets whose data now, and what became of D?
// Prints: first the order of 03, but A keeps its place: A in, B, C, A got: data-A, A out. Then two at once:
//         [ 5.0 s | main] D in              its generator is in `gen`
//         [ 5.0 s | main] A in              now A's is; D's is destroyed at its pause
//         [ 7.0 s | main] A got: data-D     D's answer went to whom `gen` held
//         [10.0 s | main] nobody waits for data-A
// Cures:  a function cut in two at the callback. Left: main must know that A is a generator (06), the global (07).
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

//[ handler
Request gen;  // whoever waits. There is one place for all.

Request request_a() {
    say("A 进入", "A in");
    const std::string answer = co_yield long_io("A", 5s);
    say("A 得到: " + answer, "A got: " + answer);
    say("A 离开", "A out");
}
//]

Request request_d() {
    say("D 进入", "D in");
    const std::string answer = co_yield long_io("D", 2s);
    say("D 得到: " + answer, "D got: " + answer);
    say("D 离开", "D out");
}

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

//[ operation
// Returns at once. Its thread only leaves the answer: resuming a generator is left to
// main, so that A never runs on two threads at once.
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
//]

//[ resume
void resume_with(const std::string& answer) {
    if (gen.done()) return say("没有人等 " + answer, "nobody waits for " + answer);
    const auto next = gen.send(answer);
    if (!next) say("生成器到头了，不是错误", "the generator is at its end, which is no error");
}

// Simplified: it takes the answers in the order in which the operations began. An event
// loop takes whichever is ready.
void wait_for_operations() {
    for (; !operations.empty(); operations.pop_front()) {
        operations.front().thread.join();
        resume_with(operations.front().answer);
    }
}
//]

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
    options = net::parse_demo_options(argc, argv, "A pauses; one global generator is resumed with the answer.");

    //[ main
    gen = request_a();
    gen.next();
    request_b();
    request_c();
    wait_for_operations();
    //]

    say("-- 两个同时来: D, A", "-- two at once: D, A");
    gen = request_d();
    gen.next();
    gen = request_a();
    gen.next();
    wait_for_operations();
}
