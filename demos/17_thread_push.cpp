// A thread that tells the time to every client of a WebSocket server, once a second, while clients come and go.
//
// The demo before it: 16_background_loop. New: a thread that has something to say to connections, which are not its
// own. It may not touch them, nor the list that they are in: it hands a function to their loop. Twice it is done wrong.
// Run:    ./stepwise run 17 [--ticks 10] [--clients 8] [--lang zh|en] [--scale 0.1]
// Try:    ws::SharedBroadcast instead of ws::Broadcast. Which of the two wrong ways is right then?
//         In push_time hand over [&] and make the text on the loop, of `number`. Which number do they hear?
// Prints: [ 0.0 s | loop ] -- 1: the thread hands each tick to the loop
//         [10.5 s | loop ] 8 clients, 40 stays, 80 of 80 ticks heard, 0 missed, 0 twice
//         [10.5 s | loop ] -- 2: the thread sends by itself
//         [11.5 s | clock] threw: ws::Broadcast::send was called from a thread that is not the loop's. Only ...
//         [11.5 s | loop ] -- 3: the thread has a loop of its own, and writes to a connection of another one
//         [11.5 s | clock] threw: ws::Connection was called from a thread that is not the loop's. Only ...
//         [12.5 s | loop ] the client heard: 1, through call_soon_threadsafe
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/thread.hpp>
#include <stepwise/runtime/wait.hpp>
#include <stepwise/ws/broadcast.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace this_thread = stepwise::this_thread;  // as std's, and in virtual time on the simulator
namespace ws = stepwise::ws;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::Event;
using stepwise::EventLoop;
using stepwise::Task;
using stepwise::Thread;

const auto start = this_thread::now();
net::DemoOptions options;
int ticks = 10;
int clients = 8;
thread_local const char* thread_name = "loop";

void say(const std::string& zh, const std::string& en);
stepwise::Duration scaled(std::chrono::milliseconds duration);

// ---- The server, which belongs to the loop of the main thread

struct Room {
    ws::Broadcast everyone;
    ws::Connection* newest = nullptr;
};

class Member : public ws::WebSocketHandler {
public:
    explicit Member(Room& room) : room_(room) {}
    void open() {
        room_.everyone.add(connection());
        room_.newest = &connection();
    }
    void on_message(std::string_view) {}
    void on_close() { room_.everyone.remove(connection()); }

private:
    Room& room_;
};

// ---- Right: what the thread wants done runs on the loop's thread, which alone knows who is there at that moment

void push_time(EventLoop& loop, ws::Broadcast& everyone) {
    for (int number = 1; number <= ticks; ++number) {
        this_thread::sleep_for(scaled(1s));
        loop.call_soon_threadsafe([&everyone, text = std::to_string(number)] { everyone.send(text); });
    }
}

// ---- Wrong: another thread would read the list, and write to connections, while the loop changes both

void push_time_directly(ws::Broadcast& everyone) {
    this_thread::sleep_for(scaled(1s));
    try {
        everyone.send("1");
        say("发出去了", "sent it");
    } catch (const std::logic_error& error) {
        say(fmt::format("抛出: {}", error.what()), fmt::format("threw: {}", error.what()));
    }
}

// A loop of its own gives the thread tasks and timers. It does not make another loop's connection its own.
Coro<> push_from_another_loop(EventLoop& loop, ws::Connection& connection) {
    try {
        connection.write_message("0");
        say("发出去了", "sent it");
    } catch (const std::logic_error& error) {
        say(fmt::format("抛出: {}", error.what()), fmt::format("threw: {}", error.what()));
    }
    co_await stepwise::sleep(scaled(1s));
    loop.call_soon_threadsafe([&connection] { connection.write_message("1"); });
}

// ---- The clients, tasks of the main thread's loop

struct Heard {
    int stays = 0;
    int ticks = 0;
    int missed = 0;
    int twice = 0;
};

// Hears two ticks, leaves, comes again: the list changes all the time.
Coro<> come_and_go(std::string url, Heard& heard) {
    int before = 0;
    for (;;) {
        ws::ClientConnection connection = co_await ws::connect(url);
        for (int left = 2; left > 0; --left) {
            auto message = co_await connection->receive();
            if (!message) co_return;
            const int number = std::stoi(std::string(message->data()));
            heard.missed += std::max(0, number - before - 1);
            heard.twice += number <= before ? 1 : 0;
            before = number;
            ++heard.ticks;
        }
        ++heard.stays;
    }
}

// ---- The three cases

// A thread, from its begin to its end, without blocking the loop meanwhile.
Coro<> run_thread(std::function<void()> body) {
    EventLoop& loop = EventLoop::current();
    Event ended;
    Thread thread([&] {
        thread_name = "clock";
        body();
        loop.call_soon_threadsafe([&ended] { ended.set(); });
    });
    co_await ended.wait();
    thread.join();
}

Coro<> wait_for_members(const Room& room, int count) {
    while (room.everyone.size() != static_cast<std::size_t>(count)) co_await stepwise::sleep(1ms);
}

Coro<> push_to_many(Room& room, std::string url) {
    say("-- 1: 线程把每一下交给循环", "-- 1: the thread hands each tick to the loop");
    std::vector<Heard> heard(static_cast<std::size_t>(clients));
    std::vector<Task<>> all;
    for (Heard& one : heard) all.push_back(EventLoop::current().create_task(come_and_go(url, one)));
    co_await wait_for_members(room, clients);
    std::function<void()> body = [&loop = EventLoop::current(), &room] { push_time(loop, room.everyone); };
    co_await run_thread(std::move(body));
    co_await stepwise::sleep(scaled(500ms));  // for the last tick to be heard
    for (Task<>& one : all) one.cancel();
    co_await stepwise::wait(all);  // a tick that is on its way comes before the cancellation: `heard` must be there
    Heard sum;
    for (const Heard& one : heard) {
        sum = {sum.stays + one.stays, sum.ticks + one.ticks, sum.missed + one.missed, sum.twice + one.twice};
    }
    say(fmt::format("{} 个客户端，来了 {} 次，{} 下听到 {} 下，漏掉 {}，重复 {}", clients, sum.stays, clients * ticks,
                    sum.ticks, sum.missed, sum.twice),
        fmt::format("{} clients, {} stays, {} of {} ticks heard, {} missed, {} twice", clients, sum.stays, sum.ticks,
                    clients * ticks, sum.missed, sum.twice));
}

Coro<> push_wrongly(Room& room, std::string url) {
    ws::ClientConnection client = co_await ws::connect(url);
    co_await wait_for_members(room, 1);
    say("-- 2: 线程自己发", "-- 2: the thread sends by itself");
    std::function<void()> directly = [&room] { push_time_directly(room.everyone); };
    co_await run_thread(std::move(directly));

    say("-- 3: 线程有自己的循环，往别的循环的连接里写",
        "-- 3: the thread has a loop of its own, and writes to a connection of another one");
    std::function<void()> from_its_loop = [&loop = EventLoop::current(), &room] {
        stepwise::run(push_from_another_loop(loop, *room.newest));
    };
    co_await run_thread(std::move(from_its_loop));
    auto message = co_await client->receive();
    const std::string heard = message ? std::string(message->data()) : "";
    say(fmt::format("客户端听到: {}，是 call_soon_threadsafe 送来的", heard),
        fmt::format("the client heard: {}, through call_soon_threadsafe", heard));
}

Coro<> show_all() {
    Room room;
    http::Router router;
    router.get("/", ws::handler<Member>(ws::ConnectionOptions(), std::ref(room)));
    http::Server server(EventLoop::current(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
    co_await push_to_many(room, url);
    co_await wait_for_members(room, 0);
    co_await push_wrongly(room, url);
    co_await server.shutdown(1s);
    say("-- 别的线程只有一扇门: loop.call_soon_threadsafe。其余的门，敲的人都会被告知",
        "-- another thread has one door: loop.call_soon_threadsafe. Whoever tries any other is told so");
}

stepwise::Duration scaled(std::chrono::milliseconds duration) {
    return std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
}

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> seconds = this_thread::now() - start;
    fmt::print("[{:4.1f} s | {:<5}] {}\n", seconds.count() / options.scale, thread_name,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    net::Options program("A thread tells the time to every client of a WebSocket server.");
    program.add_demo_options(options);
    program.add_option("--ticks", ticks, 1, 10'000, "How often the thread tells the time");
    program.add_option("--clients", clients, 1, 1'000, "How many clients come and go");
    program.parse(argc, argv);

    stepwise::run(show_all());
}
