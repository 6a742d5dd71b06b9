// Three ways to write on_close: plain, as a coroutine that is awaited, and plain with work that it leaves behind.
//
// The demo before it: 12_ws_broadcast. New: a client of our own, and hooks that take their time. Client and server are
// tasks of one loop: two threads would print the same lines, but in an order that nobody could promise.
// Run:    ./stepwise run 13 [--lang zh|en] [--scale 0.1]
// Try:    in SpawningHandler, call print_close() without create_task(). What does the compiler say? Does it print?
//         Give print_close() a handler's `this` instead of a name: where does that point when it goes on?
// Prints: [ 0.0 s] A: open                          [10.0 s] -- 2: on_close is a coroutine, ...
//         [ 0.0 s] A: on_message [...]start         [12.0 s] quick: on_close 1000 begins
//         [ 2.0 s] A: on_message [...]stop          [13.0 s] quick: on_close ends: it was awaited
//         [ 2.0 s] A: on_close 1000                 [15.0 s] -- 3: a plain on_close starts a task, ...
//         and so on, five times                     [18.0 s] A: print_close, after the connection
#include <fmt/chrono.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

stepwise::TimePoint start;  // by the loop's clock: on the simulator no time passes but its own
net::DemoOptions options;

void say(const std::string& zh, const std::string& en);
void say(const std::string& text);
Coro<> wait(std::chrono::seconds duration);
std::string code_text(ws::CloseCode code);
void say_what_was_seen();

//[ plain
// Case 1. Plain hooks are called, one after the other, inside the turn that brought the bytes.
class PlainHandler : public ws::WebSocketHandler {
public:
    void open() {
        name_ = request().argument("name").value_or("?");
        say(name_ + ": open");
    }
    void on_message(std::string_view text) { say(fmt::format("{}: on_message {}", name_, text)); }
    void on_close() { say(fmt::format("{}: on_close {}", name_, code_text(close_code()))); }

protected:
    std::string name_;
};
//]

//[ awaited
// Case 2. A hook that returns a Coro is awaited: the next one of this connection begins when it has ended, and the
// handler lives until the last one has. Other connections do not wait.
class AwaitedHandler : public ws::WebSocketHandler {
public:
    Coro<> open() {
        name_ = request().argument("name").value_or("?");
        say(name_ + ": open");
        co_return;
    }
    Coro<> on_message(ws::Message message) {
        const std::string line = fmt::format("{}: on_message {}", name_, message.data());
        if (name_ != "slow" || !message.data().ends_with("start")) {
            say(line);
            co_return;
        }
        say(line + "，要 4 秒", line + ", takes 4 s");
        co_await wait(4s);
        say(name_ + ": on_message start 结束", name_ + ": on_message start ends");
    }
    Coro<> on_close() {
        const std::string line = fmt::format("{}: on_close {}", name_, code_text(close_code()));
        say(line + " 开始", line + " begins");
        co_await wait(1s);
        say(name_ + ": on_close 结束: 有人等它", name_ + ": on_close ends: it was awaited");
    }

private:
    std::string name_;
};
//]

//[ left
std::vector<Task<>> left_behind;

// The handler is gone before this ends, so it has a name of its own.
Coro<> print_close(std::string name) {
    co_await wait(1s);
    say(name + ": print_close，连接早就没了", name + ": print_close, after the connection");
}

// Case 3. The connection ends when on_close returns. What it started is a task of the loop, which nobody waits for but
// who keeps the Task.
class SpawningHandler : public PlainHandler {
public:
    void on_close() {
        PlainHandler::on_close();
        left_behind.push_back(EventLoop::current().create_task(print_close(name_)));
    }
};
//]

std::string stamped(std::string_view text) {
    const std::time_t now = std::chrono::system_clock::to_time_t(EventLoop::current().wall_time());
    return fmt::format("[{:%Y-%m-%d %H:%M:%S}]{}", fmt::localtime(now), text);
}

// The client. The connection is closed, with 1000, by leaving the function: its owner ends with it.
Coro<> say_start_and_stop(std::string url) {
    ws::ClientConnection connection = co_await ws::connect(url);
    co_await connection->send(stamped("start"));
    co_await wait(2s);
    co_await connection->send(stamped("stop"));
}

// A connection leaves the server when its on_close has returned. Simplified: it looks now and then.
Coro<> wait_until_gone(const http::Server& server) {
    while (server.connection_count() > 0) co_await stepwise::sleep(1ms);
    say("-- 服务器上没有连接了", "-- the server has no connection any more");
}

Coro<> serve_and_talk() {
    start = EventLoop::current().time();
    http::Router router;
    router.get("/plain", ws::handler<PlainHandler>());
    router.get("/awaited", ws::handler<AwaitedHandler>());
    router.get("/spawning", ws::handler<SpawningHandler>());
    http::Server server(EventLoop::current(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string();

    say("-- 1: 普通的 on_close，五次", "-- 1: a plain on_close, five times");
    for (const char* name : {"A", "B", "C", "D", "E"}) co_await say_start_and_stop(url + "/plain?name=" + name);
    co_await wait_until_gone(server);

    say("-- 2: on_close 是协程，两个连接同时来", "-- 2: on_close is a coroutine, two connections at once");
    Coro<> slow = say_start_and_stop(url + "/awaited?name=slow");
    Coro<> quick = say_start_and_stop(url + "/awaited?name=quick");
    co_await stepwise::gather(std::move(slow), std::move(quick));
    co_await wait_until_gone(server);

    say("-- 3: 普通的 on_close 另起一个 task，两次", "-- 3: a plain on_close starts a task, twice");
    for (const char* name : {"A", "B"}) co_await say_start_and_stop(url + "/spawning?name=" + name);
    co_await wait_until_gone(server);
    for (const Task<>& task : left_behind) co_await task;  // else it would be cancelled when this program ends
    say_what_was_seen();
}

void say_what_was_seen() {
    say("-- 有人等: 写成协程的钩子，由连接自己的 task 来等。一次一个，按顺序，on_close 等完连接才结束",
        "-- awaited, by the connection's own task: hooks that are coroutines. One at a time, in order, on_close last");
    say("-- 没人等: 钩子里另起的 task。要用的东西它自己带着，谁在乎它的结果，谁去等",
        "-- not awaited: a task that a hook starts. It owns what it uses, and who cares for its end awaits it");
}

std::string code_text(ws::CloseCode code) {
    return std::to_string(static_cast<unsigned>(code));
}

double seconds_since_start() {
    return std::chrono::duration<double>(EventLoop::current().time() - start).count() / options.scale;
}

void say(const std::string& zh, const std::string& en) {
    say(options.language == net::Language::chinese ? zh : en);
}

void say(const std::string& text) {
    fmt::print("[{:4.1f} s] {}\n", seconds_since_start(), text);
    std::fflush(stdout);
}

Coro<> wait(std::chrono::seconds duration) {
    const auto scaled = std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
    co_await stepwise::sleep(scaled);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Three ways to write on_close, and who waits for each.");

    stepwise::run(serve_and_talk());
}
