// The main task starts its helper in a group, whose end waits for all that was started in it.
//
// For the page on pitfalls, #destroyed-pending. Its twin: broken_destroyed_pending.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_destroyed_pending
// Try:    throw in app() behind the sleep. Is the line written?
// Prints: the app is done
//         log: goodbye
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::TaskGroup;

Coro<> write_log(std::string line) {
    co_await stepwise::sleep(100ms);  // stands for the disk
    fmt::print("log: {}\n", line);
}

//[ app
Coro<> app(TaskGroup& group) {
    group.start_soon(write_log("goodbye")).set_name("log");
    co_await stepwise::sleep(10ms);
    fmt::print("the app is done\n");
}
//]

}  // namespace

int main() {
    EventLoop loop;
    loop.run_until_complete(stepwise::task_group(app));
}
