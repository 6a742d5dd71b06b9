// A thread hands the loop a function through the one door that is open to other threads.
//
// For the page on pitfalls, "The wrong thread". Its twin: broken_wrong_thread.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_wrong_thread
// Try:    let the loop have no thread of yours at all: co_await stepwise::to_thread(...).
// Prints: app: 21 degrees
#include <fmt/core.h>

#include <functional>
#include <stepwise/runtime/event_loop.hpp>
#include <thread>

namespace {

using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;

//[ measure
void measure(EventLoop& loop, std::function<void(int)> tell) {
    loop.call_soon_threadsafe([tell] { tell(21); });
}

Coro<> app() {
    EventLoop& loop = EventLoop::current();
    Future<int> temperature = loop.create_future<int>();
    auto tell = [&temperature](int degrees) { temperature.set_result(degrees); };
    const std::jthread sensor(measure, std::ref(loop), tell);
    const int degrees = co_await temperature;
    fmt::print("app: {} degrees\n", degrees);
}
//]

}  // namespace

int main() {
    stepwise::run(app());
}
