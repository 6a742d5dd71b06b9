// A callback: A leaves at once, a thread waits in its place, and calls back with the answer.
//
// The demo before it: 02_sync_slow. New: long_io() returns before it has an answer; each line names its thread.
// Run:    ./stepwise run 03 [--lang zh|en] [--scale 0.1]
// Try:    which thread runs on_finish()? What would it need to know to answer two clients?
// Prints: [ 0.0 s | main] A in, then A out        [ 0.0 s | io  ] io begins (before or after B in)
//         [ 0.0 s | main] B in                    [ 5.0 s | io  ] io ends
//         [ 2.0 s | main] B out                   [ 5.0 s | io  ] callback in
//         [ 2.0 s | main] C in, then C out        [ 5.0 s | io  ] A got: data-A
//                                                 [ 5.0 s | io  ] callback out
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/thread.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace net = stepwise::net;
namespace this_thread = stepwise::this_thread;  // as std's, and in virtual time on the simulator
using namespace std::chrono_literals;
using stepwise::Thread;

const auto start = this_thread::now();
net::DemoOptions options;
thread_local const char* thread_name = "main";
std::vector<Thread> io_threads;

void say(const std::string& zh, const std::string& en);
void wait(std::chrono::seconds duration);

//[ callback
using Callback = std::function<void(const std::string& answer)>;

// Returns at once. Another thread waits, then calls `callback`, still on that thread.
void long_io(const std::string& client, Callback callback) {
    io_threads.emplace_back([client, callback = std::move(callback)] {
        thread_name = "io";
        say("io 开始", "io begins");
        wait(5s);
        say("io 结束", "io ends");
        callback("data-" + client);
    });
}

void on_finish(const std::string& answer) {
    say("回调 进入", "callback in");
    say("A 得到: " + answer, "A got: " + answer);
    say("回调 离开", "callback out");
}

void request_a() {
    say("A 进入", "A in");
    long_io("A", on_finish);
    say("A 离开", "A out");
}
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

double seconds_since_start() {
    return std::chrono::duration<double>(this_thread::now() - start).count() / options.scale;
}

// Any thread may call it: fmt::print writes a line in one piece, so that two of them never mix.
void say(const std::string& zh, const std::string& en) {
    fmt::print("[{:4.1f} s | {:<4}] {}\n", seconds_since_start(), thread_name,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

void wait(std::chrono::seconds duration) {
    this_thread::sleep_for(duration * options.scale);
}

//[ join
// Without it the process would end before the answer comes. It sleeps; a loop around
// nothing would burn a processor.
void wait_for_io_threads() {
    for (Thread& thread : io_threads) thread.join();
}
//]

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A leaves at once; a thread waits and calls back.");

    request_a();
    request_b();
    request_c();
    wait_for_io_threads();
}
