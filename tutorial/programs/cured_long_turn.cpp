// A hundred tasks of which five may work at a time: timers and sockets get their turn after each five.
//
// For the page on pitfalls, #long-turn. Its twin: broken_long_turn.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_long_turn
// Try:    let fifty work at a time. What does the report say?
// Prints: pages: 100
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/semaphore.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::Semaphore;

int pages = 0;

//[ render
Coro<> render_page(Semaphore& workers) {
    const Semaphore::Permit permit = co_await workers.acquire();
    std::this_thread::sleep_for(3ms);  // stands for work of 3 ms
    ++pages;
    co_await stepwise::sleep(0s);  // the next one begins in the next turn
}

Coro<> app() {
    Semaphore workers(5);
    std::vector<Coro<>> all;
    for (int page = 0; page < 100; ++page) all.push_back(render_page(workers));
    co_await stepwise::gather(std::move(all));
}
//]

}  // namespace

int main() {
    stepwise::EventLoop::Options options;
    options.step_max = 250ms;  // a busy machine makes a short step long
    stepwise::run(app(), options);
    fmt::print("pages: {}\n", pages);
}
