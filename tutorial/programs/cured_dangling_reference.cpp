// A coroutine that takes a reference, started by a group with a copy that its task owns.
//
// For the page on pitfalls, "What a coroutine refers to". Its twin: broken_dangling_reference.
// Run:    ./stepwise run cured_dangling_reference
// Try:    give start_soon std::ref(*guest). Who must outlive whom?
// Prints: hello, 7
#include <fmt/core.h>

#include <chrono>
#include <memory>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::TaskGroup;

//[ greet
struct Guest {
    int number;
    std::string name;
};

Coro<> greet(const Guest& guest) {
    co_await stepwise::sleep(10ms);
    fmt::print("hello, {}\n", guest.number);
}

void greet_later(TaskGroup& group) {
    const auto guest = std::make_unique<Guest>(Guest{7, "A"});
    group.start_soon(greet, *guest);  // the reference is to the copy in the task's frame
}
//]

Coro<> app(TaskGroup& group) {
    greet_later(group);
    co_await stepwise::sleep(50ms);
}

}  // namespace

int main() {
    stepwise::run(stepwise::task_group(app));
}
