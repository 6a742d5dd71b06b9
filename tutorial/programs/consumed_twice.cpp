// A generator that is read twice: the second time there is nothing left, and nobody says so.
//
// For chapter 4: a bug to find.
// Run:    ./stepwise run consumed_twice [--lang zh|en]
// Try:    put the marks into a std::vector instead. Which lines must change?
// Prints: the sum is 240, of 0 marks
#include <fmt/core.h>

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

//[ average
Generator<int> marks() {
    for (const int mark : {90, 70, 80}) co_yield mark;
}

void print_average() {
    Generator<int> all = marks();
    int sum = 0;
    for (const int mark : all) sum += mark;
    int count = 0;
    for ([[maybe_unused]] const int mark : all) ++count;
    const std::string zh = fmt::format("总分 {}，共 {} 个", sum, count);
    say(zh, fmt::format("the sum is {}, of {} marks", sum, count));
}
//]

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Reads one generator twice.");

    print_average();
}
