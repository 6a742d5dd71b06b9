// A bug to find: a timer that is due after one second and runs after three.
//
// For chapter 14. The clock is set by hand, so that the seconds are exact and cost nothing.
// Run:    ./stepwise run late_timer [--lang zh|en]
// Try:    cut the three seconds of work into three callbacks, each of which asks for the next with call_soon.
// Prints: [0 s] the work begins
//         [3 s] the work ends
//         [3 s] the timer, due at 1 s
#include <fmt/core.h>

#include <chrono>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using stepwise::EventLoop;

net::DemoOptions options;
stepwise::ManualClock hand_clock;

void say(const std::string& zh, const std::string& en) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(hand_clock.now().time_since_epoch());
    fmt::print("[{} s] {}\n", seconds.count(), options.language == net::Language::chinese ? zh : en);
}

// Simplified: the clock goes on as if the processor had been busy.
void compute(std::chrono::seconds duration) {
    hand_clock.advance(duration);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A timer that runs late. Find the cause.");

    EventLoop::Options loop_options;
    loop_options.clock = &hand_clock;
    EventLoop loop(loop_options);
    //[ bug
    loop.call_later(1s, [] { say("定时器，该在 1 s 到期", "the timer, due at 1 s"); });
    loop.call_soon([] {
        say("工作开始", "the work begins");
        compute(3s);
        say("工作结束", "the work ends");
    });
    //]
    loop.run_once();
    loop.run_once();
}
