// A task that catches the errors of its reads and lets the request to stop pass.
//
// For the page on pitfalls, #swallowed-cancellation. Its twin: broken_swallowed_cancellation.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_swallowed_cancellation
// Try:    let the poller do something at its end that awaits: finally(body, cleanup).
// Prints: app: the poller has stopped
#include <fmt/core.h>

#include <chrono>
#include <exception>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

//[ poll
Coro<> poll() {
    for (int round = 1; round <= 5; ++round) {
        try {
            co_await stepwise::sleep(40ms);  // stands for a sensor
        } catch (const std::exception&) {    // CancelledError is none
            fmt::print("poller: read failed\n");
        }
    }
    fmt::print("poller: ended after 5 rounds\n");
}
//]

Coro<> app() {
    Task<> poller = EventLoop::current().create_task(poll()).set_name("poller");
    co_await stepwise::sleep(20ms);
    poller.cancel();
    try {
        co_await poller;
    } catch (const stepwise::CancelledError&) {
        fmt::print("app: the poller has stopped\n");
    }
}

}  // namespace

int main() {
    stepwise::run(app());
}
