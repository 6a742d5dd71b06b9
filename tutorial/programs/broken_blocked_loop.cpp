// A client that waits with the thread's own sleep: the loop stands still, and the ticker with it.
//
// For the page on pitfalls, #blocked-step. Its twin: cured_blocked_loop.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_blocked_loop
// Try:    compute for a second instead of sleeping. Which lines of the report change?
// Prints: client: waits                     stepwise: blocked-step: client has kept the loop for 1.000 s: ...
//         client: goes on
//         tick 1, tick 2, tick 3
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <thread>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

//[ client
Coro<> client() {
    fmt::print("client: waits\n");
    std::this_thread::sleep_for(1s);  // the mistake
    fmt::print("client: goes on\n");
    co_return;
}
//]

Coro<> ticker() {
    for (int tick = 1; tick <= 3; ++tick) {
        co_await stepwise::sleep(250ms);
        fmt::print("tick {}\n", tick);
    }
}

Coro<> app() {
    Task<> waiting = EventLoop::current().create_task(client()).set_name("client");
    co_await ticker();
    co_await waiting;
}

}  // namespace

int main() {
    stepwise::run(app());
}
