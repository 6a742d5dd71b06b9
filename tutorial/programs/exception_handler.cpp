// One place that hears of every exception that nobody caught: the loop's exception handler.
//
// For the page on pitfalls, "An exception that nobody retrieved".
// Run:    ./stepwise run exception_handler
// Try:    throw in the handler itself. Who tells of that?
// Prints: alarm: a callback: the disk is full
//         alarm: mailer, made at ..., ended with an exception that nobody retrieved ...: no route to the mail server
#include <fmt/core.h>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string_view>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

//[ alarm
void alarm(std::exception_ptr error, std::string_view where) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& what) {
        fmt::print("alarm: {}: {}\n", where, what.what());  // to a log, to who is on duty
    }
}

Coro<> send_mail() {
    throw std::runtime_error("no route to the mail server");
    co_return;
}

Coro<> app() {
    EventLoop& loop = EventLoop::current();
    loop.set_exception_handler(alarm);
    loop.call_soon([] { throw std::runtime_error("the disk is full"); });
    loop.create_task(send_mail()).set_name("mailer");
    co_await stepwise::sleep(10ms);
}
//]

}  // namespace

int main() {
    stepwise::run(app());
}
