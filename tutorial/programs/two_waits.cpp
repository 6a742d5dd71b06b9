// Two ways to wait for five seconds: asleep, and in a loop around nothing. Only one of them uses a processor.
//
// For chapter 2: a bug to find that no clock shows.
// Run:    ./stepwise run two_waits [--lang zh|en] [--scale 0.1]
// Try:    run it beside a program that shows what the processors do. Which of the two lines makes it jump?
// Prints: sleep_until: waited 5 s, the processor was idle
//         spin_until: waited 5 s, the processor was busy
#include <fmt/core.h>

#include <chrono>
#include <ctime>
#include <stepwise/net/options.hpp>
#include <string>
#include <thread>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

//[ waits
void sleep_until(Clock::time_point end) {
    std::this_thread::sleep_until(end);
}

void spin_until(Clock::time_point end) {
    while (Clock::now() < end) {
    }
}
//]

double processor_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// One hundredth of the time counts as busy: asleep it is next to nothing, and other programs want the processor too.
bool keeps_a_processor_busy(void (*wait_until)(Clock::time_point)) {
    const auto duration = std::chrono::duration<double>(5s) * options.scale;
    const double before = processor_seconds();
    wait_until(Clock::now() + std::chrono::duration_cast<Clock::duration>(duration));
    return processor_seconds() - before > duration.count() / 100;
}

void tell(const std::string& name, void (*wait_until)(Clock::time_point)) {
    const bool busy = keeps_a_processor_busy(wait_until);
    say(name + ": 等了 5 秒，处理器" + (busy ? "一直在忙" : "空闲"),
        name + ": waited 5 s, the processor was " + (busy ? "busy" : "idle"));
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Waits asleep, then awake.");

    tell("sleep_until", sleep_until);
    tell("spin_until", spin_until);
}
