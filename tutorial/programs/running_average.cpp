// The running average of demo 04, telling each step: what goes in, what comes out, and who runs.
//
// For chapter 5.
// Run:    ./stepwise run running_average [--lang zh|en]
// Try:    hand out the average before the new number is added to it. What does the caller get now?
// Prints: next()                            send(10)
//           begins, hands out 0               received 10, hands out 10
//         got 0                             got 10, and so on with 20 and 30; then an error
#include <fmt/core.h>

#include <stdexcept>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <string>

namespace {

using stepwise::Generator;
namespace net = stepwise::net;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

// The steps inside are printed with two spaces before them.
Generator<double, double> running_average() {
    say("  开始，交出 0", "  begins, hands out 0");
    double sum = 0;
    double average = 0;
    for (int count = 1;; ++count) {
        const double number = co_yield average;
        sum += number;
        average = sum / count;
        say(fmt::format("  收到 {}，交出 {}", number, average),
            fmt::format("  received {}, hands out {}", number, average));
    }
}

void send_three_numbers() {
    Generator<double, double> average = running_average();
    say("next()", "next()");
    const double first = average.next().value();
    say(fmt::format("得到 {}", first), fmt::format("got {}", first));
    for (const double number : {10, 20, 30}) {
        say(fmt::format("send({})", number), fmt::format("send({})", number));
        const double now = average.send(number).value();
        say(fmt::format("得到 {}", now), fmt::format("got {}", now));
    }
}

//[ unprimed
void send_without_next() {
    Generator<double, double> average = running_average();
    try {
        average.send(10);
    } catch (const std::logic_error& error) {
        const std::string what = error.what();
        say("出错: " + what, "error: " + what);
    }
}
//]

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A generator that values flow into, step by step.");

    send_three_numbers();
    say("-- 没有先调用 next()", "-- without a next() before");
    send_without_next();
}
