// The loop ends when its main task does; another task is in the middle of its work.
//
// For the page on pitfalls, #destroyed-pending. Its twin: cured_destroyed_pending.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_destroyed_pending
// Try:    use stepwise::run(app()) instead of a loop of your own. What becomes of the task, and who is told?
// Prints: the app is done                   stepwise: destroyed-pending: the loop ended before 1 of its tasks did: ...
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

Coro<> write_log(std::string line) {
    co_await stepwise::sleep(100ms);  // stands for the disk
    fmt::print("log: {}\n", line);
}

//[ app
Coro<> app() {
    EventLoop::current().create_task(write_log("goodbye")).set_name("log");  // the mistake: nobody waits for it
    co_await stepwise::sleep(10ms);
    fmt::print("the app is done\n");
}
//]

}  // namespace

int main() {
    EventLoop loop;
    loop.run_until_complete(app());
}
