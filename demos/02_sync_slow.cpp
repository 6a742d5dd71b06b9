// A slow operation: A waits for 5 seconds, and B and C stand still although nobody works.
//
// The demo before it: 01_sync. New: long_io(), a clock before each line, and a chart of who was served when.
// Run:    ./stepwise run 02 [--lang zh|en] [--scale 0.1]
// Try:    B's 2 seconds are work, A's 5 are waiting. Which of the two could something else be done in?
// Prints: [ 0.0 s] A in             [ 5.0 s] A out
//         [ 0.0 s] io begins        [ 5.0 s] B in
//         [ 5.0 s] io ends          [ 7.0 s] B out
//         [ 5.0 s] A got: data-A    [ 7.0 s] C in, then C out
//         A |==========             and the chart: a column for each half second
//         B           |====
//         C               |
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <stepwise/net/options.hpp>
#include <string>
#include <thread>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;

const auto start = std::chrono::steady_clock::now();
net::DemoOptions options;
std::string chart;

void say(const std::string& zh, const std::string& en);
void wait(std::chrono::seconds duration);

//[ requests
// Asks a disk or another server, and stands still until the answer is there.
std::string long_io(const std::string& client) {
    say("io 开始", "io begins");
    wait(5s);
    say("io 结束", "io ends");
    return "data-" + client;
}

void request_a() {
    say("A 进入", "A in");
    const std::string answer = long_io("A");
    say("A 得到: " + answer, "A got: " + answer);
    say("A 离开", "A out");
}

void request_b() {
    say("B 进入", "B in");
    wait(2s);
    say("B 离开", "B out");
}
//]

void request_c() {
    say("C 进入", "C in");
    say("C 离开", "C out");
}

// Seconds as the program tells them: real ones, divided by --scale.
double seconds_since_start() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / options.scale;
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("[{:4.1f} s] {}\n", seconds_since_start(), options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

void wait(std::chrono::seconds duration) {
    std::this_thread::sleep_for(duration * options.scale);
}

// Adds a bar for this request to the chart.
void serve(const std::string& client, void (*request)()) {
    const int from = static_cast<int>(2 * seconds_since_start());
    request();
    const int to = static_cast<int>(2 * seconds_since_start());
    chart += fmt::format("{} {:{}}{:=<{}}\n", client, "", from, "|", to - from + 1);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A waits for a slow operation; B and C wait for A.");

    //[ serve
    serve("A", request_a);
    serve("B", request_b);
    serve("C", request_c);
    //]
    fmt::print("{}", chart);
}
