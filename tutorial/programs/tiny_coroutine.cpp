// A coroutine: a function that waits without holding up the others. Two countdowns share one thread.
//
// For the glossary.
// Run:    ./stepwise run tiny_coroutine [--scale 0.1]
// Try:    let B count from 5. Who is alone at the end?
// Prints: A 3, B 3, A 2, B 2, A 1, B 1: two lines a second
#include <fmt/core.h>

#include <chrono>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>
#include <utility>

namespace {

using stepwise::Coro;

stepwise::net::DemoOptions options;

Coro<> second() {
    const auto scaled = std::chrono::duration_cast<stepwise::Duration>(std::chrono::seconds(1) * options.scale);
    co_await stepwise::sleep(scaled);
}

//[ countdown
Coro<> countdown(std::string name, int from) {
    for (int number = from; number > 0; --number) {
        fmt::print("{} {}\n", name, number);
        co_await second();
    }
}

Coro<> two_at_once() {
    Coro<> a = countdown("A", 3);
    Coro<> b = countdown("B", 3);
    co_await stepwise::gather(std::move(a), std::move(b));
}
//]

}  // namespace

int main(int argc, char** argv) {
    options = stepwise::net::parse_demo_options(argc, argv, "Two coroutines count down at once.");

    stepwise::run(two_at_once());
}
