// A thread sets a future of the loop. The loop belongs to one thread, and this is another one.
//
// For the page on pitfalls, "The wrong thread". Its twin: cured_wrong_thread.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_wrong_thread
// Try:    do not catch the exception in measure(). How does the program end?
// Prints: thread: EventLoop::call_soon was called from a thread that is not the loop's. ...
//         app: no measurement
#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/runtime/to_thread.hpp>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;

//[ measure
void measure(EventLoop& loop, Future<int> temperature) {
    try {
        loop.call_soon([temperature]() mutable { temperature.set_result(21); });  // the mistake
    } catch (const std::logic_error& error) {
        fmt::print("thread: {}\n", error.what());
    }
}
//]

Coro<int> measured(Future<int> temperature) {
    co_return co_await temperature;
}

Coro<> app() {
    EventLoop& loop = EventLoop::current();
    Future<int> temperature = loop.create_future<int>();
    co_await stepwise::to_thread(measure, std::ref(loop), temperature);
    try {
        const int degrees = co_await stepwise::timeout(200ms, measured(temperature));
        fmt::print("app: {} degrees\n", degrees);
    } catch (const stepwise::TimeoutError&) {
        fmt::print("app: no measurement\n");
    }
}

}  // namespace

int main() {
    stepwise::run(app());
}
