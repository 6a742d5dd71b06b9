// A client that awaits its sleep: the ticker ticks meanwhile.
//
// For the page on pitfalls, #blocked-step. Its twin: broken_blocked_loop.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_blocked_loop
// Try:    let two clients wait for a second each. How long does it take?
// Prints: client: waits
//         tick 1, tick 2, tick 3
//         client: goes on
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

//[ client
Coro<> client() {
    fmt::print("client: waits\n");
    co_await stepwise::sleep(1s);
    fmt::print("client: goes on\n");
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
