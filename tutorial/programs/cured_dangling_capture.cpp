// A function that is a coroutine, and takes what it needs as a parameter: parameters live in its frame.
//
// For the page on pitfalls, "What a coroutine refers to". Its twin: broken_dangling_capture.
// Run:    ./stepwise run cured_dangling_capture
// Try:    give start_soon a lambda with captures that calls greet. Who keeps the lambda?
// Prints: hello, a guest with a long name that no small string holds
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::TaskGroup;

//[ greet
Coro<> greet(std::string name) {
    co_await stepwise::sleep(10ms);
    fmt::print("hello, {}\n", name);
}

void greet_later(TaskGroup& group, const std::string& name) {
    group.start_soon(greet, name);  // the task's frame gets a copy
}
//]

Coro<> app(TaskGroup& group) {
    greet_later(group, "a guest with a long name that no small string holds");
    co_await stepwise::sleep(50ms);
}

}  // namespace

int main() {
    stepwise::run(stepwise::task_group(app));
}
