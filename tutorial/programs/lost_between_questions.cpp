// A bug to find: a client that always asks for the next news, and does not hear one of the four.
//
// For chapter 26. On the simulator, so that the seconds are exact and cost nothing.
// Run:    ./stepwise run lost_between_questions [--lang zh|en]
// Try:    let the client say which version it knows, as demo 19 does, and answer at once if there is a newer one.
// Prints: [ 1.0 s] heard: sunny
//         [ 3.0 s] heard: cloudy
//         [ 6.0 s] heard: rain
#include <fmt/core.h>

#include <chrono>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <string>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

net::DemoOptions options;
stepwise::TimePoint start;

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> passed = EventLoop::current().time() - start;
    fmt::print("[{:4.1f} s] {}\n", passed.count(), options.language == net::Language::chinese ? zh : en);
}

struct Board {
    std::string text;
    stepwise::Event changed;
};

void change(Board& board, std::string text) {
    say("变成: " + text, "changes to: " + text);
    board.text = std::move(text);
    board.changed.set();
    board.changed.clear();
}

//[ bug
Coro<std::string> next_news(Board& board) {
    co_await board.changed.wait();
    co_return board.text;
}

Coro<> ask_again_and_again(Board& board) {
    for (;;) {
        const std::string text = co_await next_news(board);
        say("听到: " + text, "heard: " + text);
        co_await stepwise::sleep(1s);  // the way back, and the way of the next question
    }
}
//]

Coro<> change_four_times() {
    start = EventLoop::current().time();
    Board board;
    Task<> asking = EventLoop::current().create_task(ask_again_and_again(board));
    co_await stepwise::sleep(1s);
    change(board, "sunny");
    co_await stepwise::sleep(2s);
    change(board, "cloudy");
    co_await stepwise::sleep(500ms);
    change(board, "windy");
    co_await stepwise::sleep(2500ms);
    change(board, "rain");
    co_await stepwise::sleep(2s);
    asking.cancel();
    co_await stepwise::sleep(0s);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Four news, of which one is not heard. Find the cause.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    stepwise::run(change_four_times(), loop_options);
}
