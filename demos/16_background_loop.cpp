// A server in a thread of its own, with a loop of its own, while the main thread is its client.
//
// The demo before it: 15_sender, whose two loops met through a TCP connection only. New: stepwise::LoopGroup, a loop
// with its thread: how others wait until it serves, and how they end it, so that nothing is left behind.
// Run:    ./stepwise run 16 [--lang zh|en] [--scale 0.1]
// Try:    call server.stop->set() in main, without post. When does the server notice?
//         A Thread that calls stepwise::run, and call_soon_threadsafe from main. That loop may end while main is
//         still inside the call: how would you keep it until main is out? (post() does it with a lock.)
// Prints: [ 0.0 s | main   ] starts a thread, and waits until its server listens
//         [ 0.0 s | server ] listens, on a loop of its own
//         [ 0.0 s | main   ] asks: how often has your clock ticked?
//         [ 0.0 s | server ] is asked, and answers: 0
//         [ 0.0 s | main   ] hears: 0. Now it sleeps for 2 s, and blocks its thread
//         and so on, to: [ 2.0 s | main   ] the thread has ended: nothing is left of it
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/thread.hpp>
#include <string>
#include <utility>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace this_thread = stepwise::this_thread;  // as std's, and in virtual time on the simulator
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::Event;
using stepwise::EventLoop;
using stepwise::Task;

const auto start = this_thread::now();
net::DemoOptions options;
thread_local const char* thread_name = "main";

void say(const std::string& zh, const std::string& en);
stepwise::Duration scaled(std::chrono::milliseconds duration);

// ---- The server's thread

// What another thread may know of the server: where to reach it, and how to ask it to stop.
struct Background {
    Event* stop;  // to be set on the loop's thread
    std::string url;
};

Coro<> tick(int& ticks) {
    for (;; ++ticks) co_await stepwise::sleep(scaled(100ms));
}

Coro<> serve(std::promise<Background> listening) {
    thread_name = "server";
    int ticks = 0;
    http::Router router;
    router.get("/", [&ticks](const http::Request&) {
        const std::string count = std::to_string(ticks);
        say("被问到，回答: " + count, "is asked, and answers: " + count);
        return http::Response::text(count);
    });
    http::Server server(EventLoop::current(), std::move(router));
    Event stop;
    const std::string url = "http://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
    Task<> ticking = EventLoop::current().create_task(tick(ticks));
    say("开始监听，循环是它自己的", "listens, on a loop of its own");
    listening.set_value({&stop, url});

    co_await stop.wait();
    say("被叫停: 不再接受，把手上的做完", "is told to stop: accepts no more, and finishes what it has in hand");
    ticking.cancel();
    co_await server.shutdown(1s);
}

// ---- The main thread, which has a loop only while it asks

std::string ask(const std::string& url) {
    say("问: 你的钟走了几下？", "asks: how often has your clock ticked?");
    http::FetchResponse response = stepwise::run(http::fetch(url));
    response.throw_if_failed();
    return response.body;
}

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> seconds = this_thread::now() - start;
    fmt::print("[{:4.1f} s | {:<7}] {}\n", seconds.count() / options.scale, thread_name,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

stepwise::Duration scaled(std::chrono::milliseconds duration) {
    return std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
}

}  // namespace

int main(int argc, char** argv) {
    options =
        net::parse_demo_options(argc, argv, "A server in a thread of its own, and its client in the main thread.");

    say("开一个线程，等到它的服务器开始监听", "starts a thread, and waits until its server listens");
    std::promise<Background> listening;
    std::future<Background> when_it_listens = listening.get_future();
    stepwise::LoopGroup thread(1);
    thread.start([&listening](stepwise::LoopGroup&, std::size_t) { return serve(std::move(listening)); });
    this_thread::wait(when_it_listens);
    const Background server = when_it_listens.get();

    const std::string before = ask(server.url);
    say("听到: " + before + "。现在睡 2 s，堵住自己的线程",
        "hears: " + before + ". Now it sleeps for 2 s, and blocks its thread");
    this_thread::sleep_for(scaled(2s));
    const std::string after = ask(server.url);
    say("听到: " + after + "。那边的循环一直在转", "hears: " + after + ". The other loop went on all the time");

    say("交给它的循环一个函数: 停下", "hands its loop a function: stop");
    thread.post(0, [stop = server.stop] { stop->set(); });
    thread.join();
    say("线程结束了，什么都没留下", "the thread has ended: nothing is left of it");
}
