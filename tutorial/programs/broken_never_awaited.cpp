// Calling a coroutine makes it and runs nothing. Whoever loses it has lost what it was to do.
//
// For the page on pitfalls, #never-awaited. Its twin: cured_never_awaited.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_never_awaited
// Try:    write say_goodbye("A"); alone on a line. Who tells of it then?
// Prints: the server is down                stepwise: never-awaited: the coroutine say_goodbye(...) was dropped ...
#include <fmt/core.h>

#include <stepwise/runtime/event_loop.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

using stepwise::Coro;

Coro<> say_goodbye(std::string name) {
    fmt::print("goodbye, {}\n", name);
    co_return;
}

//[ app
Coro<> app() {
    std::vector<Coro<>> goodbyes;
    goodbyes.push_back(say_goodbye("A"));  // the mistake: and nothing more
    co_return;
}
//]

}  // namespace

int main() {
    stepwise::run(app());
    fmt::print("the server is down\n");
}
