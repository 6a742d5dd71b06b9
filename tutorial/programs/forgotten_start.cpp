// A generator that nobody started: version 2 without the one line that makes a wrapper worth having.
//
// For chapter 7. No thread and no waiting: the answer is there at once.
// Run:    ./stepwise run forgotten_start [--lang zh|en]
// Try:    put `gen.next();` into the wrapper. Which lines appear, and where?
// Prints: -- A is called
//         B in, B out             not a line of A, and no error
//         -- the answer for A comes
//         refused: Generator::send(): no co_yield waits for a value yet; call next() once before
#include <fmt/core.h>

#include <stdexcept>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <string>

namespace {

namespace net = stepwise::net;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);

using Request = stepwise::Generator<int, std::string>;

Request gen;  // whoever waits. There is one place for all.

//[ wrapper
auto coroutine(Request (*function)()) {
    return [function] { gen = function(); };
}
//]

Request steps_of_a() {
    say("A 进入", "A in");
    const std::string answer = co_yield 1;
    say("A 得到: " + answer, "A got: " + answer);
    say("A 离开", "A out");
}

const auto request_a = coroutine(steps_of_a);

void request_b() {
    say("B 进入", "B in");
    say("B 离开", "B out");
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "What becomes of a generator that nobody starts.");

    say("-- 调用 A", "-- A is called");
    request_a();
    request_b();
    say("-- A 的答案到了", "-- the answer for A comes");
    try {
        gen.send("data-A");
    } catch (const std::logic_error& error) {
        say(fmt::format("被拒绝: {}", error.what()), fmt::format("refused: {}", error.what()));
    }
}
