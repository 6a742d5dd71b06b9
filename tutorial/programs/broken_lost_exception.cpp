// A task fails, and nobody asks it for its result.
//
// For the page on pitfalls, "An exception that nobody retrieved". Its twin: cured_lost_exception.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_lost_exception
// Try:    keep the task in a variable until the end of app(). When does the report come?
// Prints: the shop is open                  stepwise: balance of A, made at ..., ended with an exception ...
#include <fmt/core.h>

#include <chrono>
#include <stdexcept>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

Coro<int> balance_of(std::string name) {
    co_await stepwise::sleep(10ms);
    throw std::runtime_error("there is no account of " + name);
}

//[ app
Coro<> app() {
    EventLoop::current().create_task(balance_of("A")).set_name("balance of A");  // the mistake
    co_await stepwise::sleep(50ms);
    fmt::print("the shop is open\n");
}
//]

}  // namespace

int main() {
    stepwise::run(app());
}
