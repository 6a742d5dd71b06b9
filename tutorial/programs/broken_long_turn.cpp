// A hundred tasks that are all ready at once: each is short, and together they keep the loop for 300 ms.
//
// For the page on pitfalls, #long-turn. Its twin: cured_long_turn.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_long_turn
// Try:    start thirty. Is the turn too long still?
// Prints: pages: 100                        stepwise: long-turn: one turn of the loop took 0.300 s for 101 handles: ...
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/gather.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;

int pages = 0;

Coro<> render_page() {
    std::this_thread::sleep_for(3ms);  // stands for work of 3 ms
    ++pages;
    co_return;
}

//[ app
Coro<> app() {
    std::vector<Coro<>> all;
    for (int page = 0; page < 100; ++page) all.push_back(render_page());
    co_await stepwise::gather(std::move(all));  // the mistake: all of them in one turn
}
//]

}  // namespace

int main() {
    stepwise::EventLoop::Options options;
    options.step_max = 250ms;  // a busy machine makes a short step long
    stepwise::run(app(), options);
    fmt::print("pages: {}\n", pages);
}
