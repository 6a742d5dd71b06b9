// A bug to find: a room in which one member does not read, and everybody waits.
//
// For chapter 29. Server and clients are tasks of one loop, on the simulator, so that the seconds are exact.
// Run:    ./stepwise run slow_member [--lang zh|en]
// Try:    member->write_message(news) instead of the await; then a ws::Broadcast, as demo 12 has one.
// Prints: [ 1.0 s] Bob hears news 1
//         and so on, then nothing for some seconds
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
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

std::vector<ws::Connection*> room;

Coro<> be_a_member(ws::Connection& connection) {
    room.push_back(&connection);
    co_await connection.wait_closed();
    std::erase(room, &connection);
}

//[ bug
Coro<> tell_all(std::string news) {
    for (ws::Connection* member : room) co_await member->send(news);
}

Coro<> tell_once_a_second() {
    for (int number = 1; number <= 6; ++number) {
        co_await stepwise::sleep(1s);
        const std::string news = std::to_string(number) + std::string(60'000, '.');
        co_await tell_all(news);
    }
}
//]

// Takes one message, and then none for eight seconds.
Coro<> listen_to_one(ws::Connection& ada) {
    auto first = co_await ada.receive();
    say("Ada 听到第 1 条，不再读", "Ada hears news 1, and reads no more");
    co_await stepwise::sleep(8s);
    say("Ada 又读了", "Ada reads again");
    while (auto more = co_await ada.receive()) first = std::move(more);
}

Coro<> listen_to_all(ws::Connection& bob) {
    while (auto message = co_await bob.receive()) {
        const char number = message->data().front();
        say(fmt::format("Bob 听到第 {} 条", number), fmt::format("Bob hears news {}", number));
    }
}

Coro<> tell_and_listen() {
    start = EventLoop::current().time();
    http::Router router;
    ws::ConnectionOptions plain;
    plain.protocol.compression.enabled = false;
    router.get("/", ws::coroutine(be_a_member, plain));
    http::Server server(EventLoop::current(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
    ws::ConnectOptions hurries_not;
    hurries_not.connection.waiting_messages_max = 1;
    ws::ClientConnection ada = co_await ws::connect(url, hurries_not);
    ws::ClientConnection bob = co_await ws::connect(url);
    Task<> first = EventLoop::current().create_task(listen_to_one(*ada));
    Task<> second = EventLoop::current().create_task(listen_to_all(*bob));
    co_await tell_once_a_second();
    co_await stepwise::sleep(1s);
    for (ws::ClientConnection* connection : {&ada, &bob}) (*connection)->abort();
    co_await first;
    co_await second;
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "One member does not read. Find out why all the others wait.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    loop_options.reactor_options.sim.send_buffer_bytes = 16 * 1024;
    loop_options.reactor_options.sim.receive_buffer_bytes = 16 * 1024;
    stepwise::run(tell_and_listen(), loop_options);
}
