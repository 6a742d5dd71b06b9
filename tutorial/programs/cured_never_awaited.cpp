// Calling a coroutine makes it; awaiting it runs it.
//
// For the page on pitfalls, #never-awaited. Its twin: broken_never_awaited.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_never_awaited
// Try:    make a second one, for B. In which order do they say goodbye?
// Prints: goodbye, A
//         the server is down
#include <fmt/core.h>

#include <stepwise/runtime/gather.hpp>
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
    goodbyes.push_back(say_goodbye("A"));
    co_await stepwise::gather(std::move(goodbyes));
}
//]

}  // namespace

int main() {
    stepwise::run(app());
    fmt::print("the server is down\n");
}
