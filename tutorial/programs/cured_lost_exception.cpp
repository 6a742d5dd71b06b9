// A task fails, and whoever awaits it decides what that means.
//
// For the page on pitfalls, "An exception that nobody retrieved". Its twin: broken_lost_exception.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_lost_exception
// Try:    await it in a TaskGroup instead. Who gets the exception?
// Prints: the shop stays shut: there is no account of A
#include <fmt/core.h>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

Coro<int> balance_of(std::string name) {
    co_await stepwise::sleep(10ms);
    throw std::runtime_error("there is no account of " + name);
}

//[ app
Coro<> app() {
    Task<int> balance = EventLoop::current().create_task(balance_of("A")).set_name("balance of A");
    try {
        co_await balance;
        fmt::print("the shop is open\n");
    } catch (const std::exception& error) {
        fmt::print("the shop stays shut: {}\n", error.what());
    }
}
//]

}  // namespace

int main() {
    stepwise::run(app());
}
