// Coroutine, version 3: no global. The operation is an object, and who waits for it is kept beside it.
//
// The demo before it: 06_coroutine_v2. New: long_io() is a generator too, that yields its result; a Call holds both.
// Run:    ./stepwise run 07 [--lang zh|en] [--scale 0.1]
// Try:    let A wait for two operations, one after the other. What does `resume` have to do? (It does it.)
// Prints: first the order of 05. Then two at once, and each gets its own answer:
//         [ 5.0 s | main] D in
//         [ 5.0 s | main] A in
//         [10.0 s | main] D got: data-D
//         [10.0 s | main] A got: data-A
// Cures:  the global, and the arguments that a wrapper dropped. Left: a thread for each operation, and answers that are
//         taken in the order of the calls. An event loop cures both (08).
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <optional>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <stepwise/runtime/thread.hpp>
#include <string>
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

//[ types
// When it is run, it waits and yields its result.
using Operation = stepwise::Generator<std::string>;
// Yields what it waits for, is sent the result.
using Request = stepwise::Generator<Operation, std::string>;
//]

void wait_for(Request request, std::optional<Operation> operation);

//[ wrapper
// Makes of a generator a plain function that starts it, with any arguments.
template <class... Arguments>
auto coroutine(Request (*function)(Arguments...)) {
    return [function](Arguments... arguments) {
        Request request = function(std::move(arguments)...);
        std::optional<Operation> operation = request.next();
        wait_for(std::move(request), std::move(operation));
    };
}
//]

//[ generators
// Nothing happens when it is called: the object is the promise to do it.
Operation long_io(std::string client) {
    say("io 开始: " + client, "io begins: " + client);
    wait(5s);
    say("io 结束: " + client, "io ends: " + client);
    const std::string result = "data-" + client;
    co_yield result;
}

Request steps_of_a(std::string client) {
    say(client + " 进入", client + " in");
    Operation operation = long_io(client);
    const std::string answer = co_yield std::move(operation);
    say(client + " 得到: " + answer, client + " got: " + answer);
    say(client + " 离开", client + " out");
}
//]

const auto request_a = coroutine(steps_of_a);

void request_b() {
    say("B 进入", "B in");
    wait(2s);
    say("B 离开", "B out");
}

void request_c() {
    say("C 进入", "C in");
    say("C 离开", "C out");
}

//[ call
// One request that waits, and what it waits for.
struct Call {
    Call(Request request_now, Operation operation_now)
        : request(std::move(request_now)), operation(std::move(operation_now)) {}

    Request request;
    Operation operation;
    std::optional<std::string> result;
    Thread thread;
};
std::deque<Call> calls;  // all that wait, in the order in which they began to
//]

//[ resume
// Returns at once. The operation runs on a thread of its own, which leaves its result
// in the call.
void wait_for(Request request, std::optional<Operation> operation) {
    if (!operation) return;  // the request is at its end
    Call& call = calls.emplace_back(std::move(request), std::move(*operation));
    call.thread = Thread([&call] {
        thread_name = "io";
        call.result = call.operation.next();
    });
}

// The result goes to the request of the same call. It may wait again.
void resume(Call& call) {
    std::optional<Operation> next = call.request.send(call.result.value());
    wait_for(std::move(call.request), std::move(next));
}
//]

// Simplified: it takes the results in the order in which the calls began. An event loop takes whichever is ready.
void wait_for_calls() {
    for (; !calls.empty(); calls.pop_front()) {
        calls.front().thread.join();
        resume(calls.front());
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
    options = net::parse_demo_options(argc, argv, "No global: each call keeps who waits and for what.");

    request_a("A");
    request_b();
    request_c();
    wait_for_calls();

    say("-- 两个同时来: D, A", "-- two at once: D, A");
    request_a("D");
    request_a("A");
    wait_for_calls();
}
