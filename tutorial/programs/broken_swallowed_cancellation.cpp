// A task that catches everything, and with everything the request to stop.
//
// For the page on pitfalls, #swallowed-cancellation. Its twin: cured_swallowed_cancellation.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_swallowed_cancellation
// Try:    give the task a timeout instead of a cancel. Does it stop in time?
// Prints: poller: read failed               stepwise: swallowed-cancellation: poller was asked to stop, caught ...
//         poller: ended after 5 rounds
#include <fmt/core.h>

#include <chrono>
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
            co_await stepwise::sleep(40ms);  // stands for a sensor; the report points here
        } catch (...) {                      // the mistake: CancelledError is among them
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
    co_await poller;
}

}  // namespace

int main() {
    stepwise::run(app());
}
