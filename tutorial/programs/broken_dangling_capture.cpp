// A lambda that is a coroutine: its captures are members of the lambda, which ends before the coroutine does.
//
// For the page on pitfalls, "What a coroutine refers to". Its twin: cured_dangling_capture.
// Run:    ./stepwise run broken_dangling_capture, which the build gives the address sanitizer
// Try:    co_await the task in greet_later's place. Why is that no mistake?
// Prints: ==1==ERROR: AddressSanitizer: heap-use-after-free ...
#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

//[ greet
void greet_later(const std::string& name) {
    const std::function<Coro<>()> greet = [name]() -> Coro<> {
        co_await stepwise::sleep(10ms);
        fmt::print("hello, {}\n", name);  // the mistake: name is the lambda's, and the lambda is gone
    };
    EventLoop::current().create_task(greet());
}
//]

Coro<> app() {
    greet_later("a guest with a long name that no small string holds");
    co_await stepwise::sleep(50ms);
}

}  // namespace

int main() {
    stepwise::run(app());
}
