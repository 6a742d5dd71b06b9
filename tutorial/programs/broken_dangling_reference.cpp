// A coroutine that takes a reference, started as a task: the caller goes on, and what it referred to ends.
//
// For the page on pitfalls, "What a coroutine refers to". Its twin: cured_dangling_reference.
// Run:    ./stepwise run broken_dangling_reference, which the build gives the address sanitizer
// Try:    await greet(*guest) instead of starting a task. Why is the reference good then?
// Prints: ==1==ERROR: AddressSanitizer: heap-use-after-free ...
#include <fmt/core.h>

#include <chrono>
#include <memory>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

//[ greet
struct Guest {
    int number;
    std::string name;
};

Coro<> greet(const Guest& guest) {
    co_await stepwise::sleep(10ms);
    fmt::print("hello, {}\n", guest.number);  // the mistake: the guest was greet_later's
}

void greet_later() {
    const auto guest = std::make_unique<Guest>(Guest{7, "A"});
    EventLoop::current().create_task(greet(*guest));
}
//]

Coro<> app() {
    greet_later();
    co_await stepwise::sleep(50ms);
}

}  // namespace

int main() {
    stepwise::run(app());
}
