// A generator: a function that pauses at co_yield, keeps its place and its variables, and goes on when asked.
//
// The demo before it: 03_callback. New: next() takes values out, send() puts values in, the end is a value.
// Run:    ./stepwise run 04 [--lang zh|en]
// Try:    what does the first send() see if you leave out the next() before it?
// Prints: made: nothing runs yet
//           countdown begins
//         took 3                  (then 2 and 1)
//           countdown ends
//         the end: no value, no error
//         average of 10 20 30 so far: 10 15 20
//         a for loop took 2       (then 1, with "countdown begins" and "ends" around them)
#include <fmt/core.h>

#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <string>

namespace {

using stepwise::Generator;
namespace net = stepwise::net;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);

//[ countdown
// Values flow out.
Generator<int> countdown(int from) {
    say("  倒数开始", "  countdown begins");
    for (int number = from; number > 0; --number) co_yield number;
    say("  倒数结束", "  countdown ends");
}
//]

//[ average
// Values flow in, too: `co_yield average` hands out the average so far and returns the
// number that was sent.
Generator<double, double> running_average() {
    double sum = 0;
    double average = 0;
    for (int count = 1;; ++count) {
        const double number = co_yield average;
        sum += number;
        average = sum / count;
    }
}
//]

//[ take
void take_values_out() {
    Generator<int> numbers = countdown(3);
    say("已创建: 什么都没运行", "made: nothing runs yet");
    while (const auto number = numbers.next()) {
        say("取出 " + std::to_string(*number), "took " + std::to_string(*number));
    }
    say("到头了: 没有值，也没有错误", "the end: no value, no error");
}
//]

//[ send
void send_values_in() {
    Generator<double, double> average = running_average();
    average.next();  // to the first co_yield: before it nothing waits for a value
    std::string averages;
    for (const double number : {10, 20, 30}) {
        averages += fmt::format(" {}", average.send(number).value());
    }
    say("10 20 30 一路的平均:" + averages, "average of 10 20 30 so far:" + averages);
}
//]

//[ loop
void take_values_out_with_a_for_loop() {
    for (const int number : countdown(2)) {
        const std::string text = std::to_string(number);
        say("for 循环取出 " + text, "a for loop took " + text);
    }
}
//]

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Functions that pause, and what flows in and out of them.");

    take_values_out();
    send_values_in();
    take_values_out_with_a_for_loop();
}
