// A waiter who waits for a cook who waits for an oven: dump_tasks tells who waits for whom.
//
// For the page on pitfalls. In debug mode the same comes from outside: kill -USR1 PID.
// Run:    STEPWISE_DEBUG=1 ./stepwise run who_waits
// Try:    print why_blocked(order) instead.
// Prints: 3 task(s)
//         Task-1 runs now; ...
//         waiter waits for cook; ...
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

//[ app
Coro<> bake() {
    co_await stepwise::sleep(1s);
}

Coro<> cook() {
    co_await bake();
}

Coro<> serve() {
    Task<> dish = EventLoop::current().create_task(cook()).set_name("cook");
    co_await dish;
}

Coro<> app() {
    Task<> order = EventLoop::current().create_task(serve()).set_name("waiter");
    co_await stepwise::sleep(50ms);
    fmt::print("{}", stepwise::dump_tasks(EventLoop::current()));
    std::fflush(stdout);
    co_await order;
}
//]

}  // namespace

int main() {
    stepwise::run(app());
}
