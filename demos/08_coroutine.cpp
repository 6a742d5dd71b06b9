// A coroutine on the event loop: the same three requests, no generator to start by hand, and no thread at all.
//
// The demo before it: 07_coroutine_v3. New: `co_await` says where to wait, the loop goes on with whoever is ready.
// Run:    ./stepwise run 08 [--lang zh|en] [--scale 0.1]
// Try:    let long_io() wait 1 s for D: who is answered first? Put a Future in its place, and set it from a timer.
// Prints: [ 0.0 s | main] A in, io begins: A        [ 5.0 s | main] io ends: A
//         [ 0.0 s | main] B in                      [ 5.0 s | main] A got: data-A
//         [ 0.0 s | main] C in, then C out          [ 5.0 s | main] A out
//         [ 2.0 s | main] B out                     then two at once, each with its own answer
// Cures:  a thread for each operation; answers in the order of the calls; a B that holds up C while it waits.
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/thread.hpp>
#include <string>
#include <utility>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using stepwise::Coro;

const auto start = stepwise::this_thread::now();
net::DemoOptions options;
thread_local const char* thread_name = "main";

void say(const std::string& zh, const std::string& en);
Coro<> wait(std::chrono::seconds duration);

//[ generators
// Nothing happens when it is called: a Coro begins when it is awaited.
Coro<std::string> long_io(std::string client) {
    say("io 开始: " + client, "io begins: " + client);
    co_await wait(5s);
    say("io 结束: " + client, "io ends: " + client);
    co_return "data-" + client;
}

// It reads like 02, where everybody waited.
Coro<> request_a(std::string client) {
    say(client + " 进入", client + " in");
    const std::string answer = co_await long_io(client);
    say(client + " 得到: " + answer, client + " got: " + answer);
    say(client + " 离开", client + " out");
}
//]

Coro<> request_b() {
    say("B 进入", "B in");
    co_await wait(2s);
    say("B 离开", "B out");
}

Coro<> request_c() {
    say("C 进入", "C in");
    say("C 离开", "C out");
    co_return;
}

// Each request becomes a task of its own; gather waits until all of them have ended.
Coro<> serve() {
    Coro<> a = request_a("A");
    Coro<> b = request_b();
    Coro<> c = request_c();
    co_await stepwise::gather(std::move(a), std::move(b), std::move(c));

    say("-- 两个同时来: D, A", "-- two at once: D, A");
    Coro<> d = request_a("D");
    Coro<> a_again = request_a("A");
    co_await stepwise::gather(std::move(d), std::move(a_again));
}

double seconds_since_start() {
    return std::chrono::duration<double>(stepwise::this_thread::now() - start).count() / options.scale;
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("[{:4.1f} s | {:<4}] {}\n", seconds_since_start(), thread_name,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

// Only who awaits it waits. The thread serves others meanwhile, or sleeps in the kernel until the next timer.
Coro<> wait(std::chrono::seconds duration) {
    const auto scaled = std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
    co_await stepwise::sleep(scaled);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "The three requests as coroutines on the event loop.");

    stepwise::run(serve());
}
