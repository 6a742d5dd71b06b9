// A sender without end, and six receivers: which send() waits, where its bytes lie then, and what wakes it.
//
// The demo before it: 14_gather. New: a peer that does not hurry. Sender and receiver have a thread and a loop each, as
// two programs would, and are joined by nothing but a TCP connection. A receiver that blocks its thread blocks only its
// own loop: the clocks below prove it. send() waits because the buffers between the two are full.
// Run:    ./stepwise run 15 [--case a|b|c|d|e|f|all] [--lang zh|en] [--scale 0.1]
// Try:    messages of 1 KiB instead of 1 MiB. Which send waits then, and why does none go on in case a?
//         ping_interval_seconds = 0 in case f, too. For how long does that sender wait? (Ctrl-C ends it.)
// Prints: [ 0.0 s | sender  ] -- a: the receiver sleeps 1 s after each message, and blocks its thread
//         [ 0.4 s | sender  ] send 5 waits: of 5.0 MiB 2.3 have arrived, 2.6 wait in its kernel, 0.1 in its queue
//         [ 1.0 s | sender  ] send 5 went on after 1.0 s: there was room again
//         [ 5.0 s | sender  ] send 9 threw after 2.0 s: the WebSocket connection is closed: 1000 normal closure
//         [ 5.0 s | sender  ] -- clocks: the sender's ticked 50 times, ... the receiver's 5 times, 1.0 s
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/thread.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <utility>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace this_thread = stepwise::this_thread;  // as std's, and in virtual time on the simulator
namespace ws = stepwise::ws;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;
using stepwise::Task;

const auto start = this_thread::now();
const std::string message(1024 * 1024, '.');  // large, as two kernels take megabytes before anybody has to wait
net::DemoOptions options;

void say(const std::string& zh, const std::string& en);
double seconds_since_start();
stepwise::Duration scaled(std::chrono::milliseconds duration);

// ---- The sender, which a server starts for each connection

// What it is in the middle of, for those who look on.
struct Sending {
    ws::Connection* connection = nullptr;
    int number = 0;
    double since = 0;
    bool seen_waiting = false;

    double seconds() const { return seconds_since_start() - since; }
};
Sending sending;
std::atomic<int> senders_that_ended = 0;

Coro<> send_without_end(ws::Connection& connection) {
    say("初始化完成", "initialised");
    try {
        for (int number = 1;; ++number) {
            sending = {&connection, number, seconds_since_start()};
            co_await connection.send(message);
            if (!sending.seen_waiting) continue;
            say(fmt::format("第 {} 次 send 等了 {:.1f} s，继续: 又有地方了", number, sending.seconds()),
                fmt::format("send {} went on after {:.1f} s: there was room again", number, sending.seconds()));
        }
    } catch (const ws::ConnectionClosed& closed) {
        say(fmt::format("第 {} 次 send 过了 {:.1f} s 抛出: {}", sending.number, sending.seconds(), closed.what()),
            fmt::format("send {} threw after {:.1f} s: {}", sending.number, sending.seconds(), closed.what()));
        say("重新启动", "restarting");
    }
    sending = {};
    say("结束了", "ended");
    ++senders_that_ended;
    senders_that_ended.notify_all();
}

double mebibytes(std::size_t bytes) {
    return static_cast<double>(bytes) / (1024 * 1024);
}

// Another task of the same loop: it could tell nothing if a send that waits blocked their thread.
Coro<> look_at_the_sender() {
    for (;;) {
        co_await stepwise::sleep(scaled(100ms));
        const ws::Connection* connection = sending.connection;
        if (connection == nullptr || !connection->is_open() || sending.seen_waiting || sending.seconds() < 0.3)
            continue;
        sending.seen_waiting = true;
        const double all = sending.number * mebibytes(message.size());
        const double queued = mebibytes(connection->queued_bytes());
        const double in_kernel = mebibytes(connection->unacknowledged_bytes());
        const double arrived = all - in_kernel - queued;
        say(fmt::format("第 {} 次 send 在等: {:.1f} MiB 里 {:.1f} 到了对方，{:.1f} 在自己内核里，{:.1f} 在自己队列里",
                        sending.number, all, arrived, in_kernel, queued),
            fmt::format(
                "send {} waits: of {:.1f} MiB {:.1f} have arrived, {:.1f} wait in its kernel, {:.1f} in its queue",
                sending.number, all, arrived, in_kernel, queued));
    }
}

// ---- The receivers

Coro<> take(ws::Connection& connection, int number) {
    if (auto taken = co_await connection.receive()) {
        say(fmt::format("收到第 {} 条", number), fmt::format("takes message {}", number));
    }
}

// The sender's answer stands behind all that is on the way: who closes reads on, and drops it.
Coro<> close(ws::Connection& connection, unsigned code, std::string reason) {
    say(fmt::format("关闭，{}: 剩下的收下扔掉，直到对方应答", code),
        fmt::format("closes with {}: takes the rest and drops it, until the answer comes", code));
    connection.close(static_cast<ws::CloseCode>(code), reason);
    co_await connection.wait_closed();
}

Coro<> sleep_and_block(ws::Connection& connection) {
    for (int number = 1; number <= 5; ++number) {
        co_await take(connection, number);
        this_thread::sleep_for(scaled(1s));
    }
    co_await close(connection, 1000, "");
}

Coro<> sleep_and_await(ws::Connection& connection) {
    for (int number = 1; number <= 5; ++number) {
        co_await take(connection, number);
        co_await stepwise::sleep(scaled(1s));
    }
    co_await close(connection, 1000, "");
}

Coro<> break_and_stay(ws::Connection& connection) {
    for (int number = 1;; ++number) {
        co_await take(connection, number);
        if (number == 2) break;
    }
    say("不再接收，但不断开", "receives no more, but stays");
    co_await stepwise::sleep(scaled(4s));
    co_await close(connection, 1000, "");
}

Coro<> take_and_close(ws::Connection& connection) {
    for (int number = 1; number < 100; ++number) {
        if (!co_await connection.receive()) co_return;
    }
    co_await take(connection, 100);
    co_await close(connection, 4001, "enough");
}

// What was on the way to it is answered with a reset by its kernel.
Coro<> vanish(ws::Connection& connection) {
    for (int number = 1; number <= 2; ++number) co_await take(connection, number);
    co_await stepwise::sleep(scaled(1s));
    say("突然消失", "vanishes");
    connection.abort();
}

Coro<> fall_silent(ws::Connection& connection) {
    for (int number = 1; number <= 2; ++number) co_await take(connection, number);
    const int before = senders_that_ended;
    say("没声音了: 像一个停住的进程", "falls silent, like a process that was stopped");
    this_thread::wait(senders_that_ended, before);
    co_await connection.wait_closed();
    say("醒来: 连接没了", "wakes up: its connection is gone");
}

// ---- Sender and receiver, side by side

struct Case {
    std::string name;
    std::string zh;
    std::string en;
    Coro<> (*receiver)(ws::Connection&);
    int ping_interval_seconds;  // 0: nobody asks whether the receiver is alive
};

const Case cases[] = {
    {"a", "接收方每收一条睡 1 s，堵住自己的线程", "the receiver sleeps 1 s after each message, and blocks its thread",
     sleep_and_block, 0},
    {"b", "接收方每收一条睡 1 s，用 co_await", "the receiver sleeps 1 s after each message, with co_await",
     sleep_and_await, 0},
    {"c", "接收方 break 出循环，4 s 后才关闭", "the receiver breaks out of its loop, and closes 4 s later",
     break_and_stay, 0},
    {"d", "接收方不停地收，100 条后关闭", "the receiver takes messages as fast as it can, and closes after 100",
     take_and_close, 0},
    {"e", "接收方突然消失，没有 Close 帧", "the receiver vanishes, without a Close frame", vanish, 0},
    {"f", "接收方没声音了，keepalive 1 s 后问一次，再等 1 s（不随 --scale）",
     "the receiver falls silent; keepalive asks after 1 s, and waits 1 s more, whatever --scale says", fall_silent, 1},
};

// A clock on each loop. Where somebody blocks the thread it stands still.
struct Clock {
    int ticks = 0;
    double longest_gap = 0;
};
thread_local Clock loop_clock;
thread_local const char* thread_name = "sender";

Coro<> tick() {
    for (double before = seconds_since_start();; ++loop_clock.ticks) {
        co_await stepwise::sleep(scaled(100ms));
        const double now = seconds_since_start();
        loop_clock.longest_gap = std::max(loop_clock.longest_gap, now - before);
        before = now;
    }
}

Coro<> connect_and_receive(std::string url, const Case& shown) {
    Task<> ticking = EventLoop::current().create_task(tick());
    ws::ClientConnection connection = co_await ws::connect(url);
    co_await shown.receiver(*connection);
    co_await stepwise::sleep(0s);  // a turn for the clock, to see how long it stood still
}

// What a program of its own would do, in a thread of its own.
Clock receiver_program(const std::string& url, const Case& shown) {
    thread_name = "receiver";
    loop_clock = {};
    stepwise::run(connect_and_receive(url, shown));
    return loop_clock;
}

Coro<> show(const Case& shown) {
    say("-- " + shown.name + ": " + shown.zh, "-- " + shown.name + ": " + shown.en);
    ws::ConnectionOptions connection_options;
    connection_options.protocol.compression.enabled = false;  // a mebibyte of dots would become a kibibyte
    connection_options.ping_interval_seconds = shown.ping_interval_seconds;
    connection_options.ping_timeout_seconds = 1;
    http::Router router;
    router.get("/", ws::coroutine(send_without_end, connection_options));
    http::Server server(EventLoop::current(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";

    loop_clock = {};
    Task<> looking = EventLoop::current().create_task(look_at_the_sender());
    Task<> ticking = EventLoop::current().create_task(tick());
    auto receiver = [&url, &shown] { return receiver_program(url, shown); };
    Future<Clock> received = EventLoop::current().run_in_executor(receiver);
    const Clock receivers = co_await received;
    while (server.connection_count() > 0) co_await stepwise::sleep(1ms);
    const Clock senders = loop_clock;
    looking.cancel();
    ticking.cancel();
    say(fmt::format("-- 时钟: 发送方的走了 {} 下，最长隔 {:.1f} s；接收方的 {} 下，{:.1f} s", senders.ticks,
                    senders.longest_gap, receivers.ticks, receivers.longest_gap),
        fmt::format(
            "-- clocks: the sender's ticked {} times, {:.1f} s apart at most; the receiver's {} times, {:.1f} s",
            senders.ticks, senders.longest_gap, receivers.ticks, receivers.longest_gap));
}

Coro<> show_all(std::string which) {
    for (const Case& shown : cases) {
        if (which == shown.name || which == "all") co_await show(shown);
    }
    say("-- send() 在等: 对方内核、自己内核、自己队列，一个接一个都满了",
        "-- send() waits: the receiver's kernel is full, then the sender's, then its queue");
    say("-- 叫醒它的: 又有地方了，或者连接没了: 被关闭，被重置，被 keepalive 放弃",
        "-- what wakes it: room again, or the connection's end: closed, reset, or given up by keepalive");
    say("-- 接收方睡觉堵不住发送方的循环: a 里发送方的钟一直在走；b 里接收方用 co_await 睡，send() 照样要等",
        "-- a receiver that sleeps blocks no loop but its own: in a the sender's clock ticks on, in b send() waits, "
        "too");
}

stepwise::Duration scaled(std::chrono::milliseconds duration) {
    return std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
}

double seconds_since_start() {
    return std::chrono::duration<double>(this_thread::now() - start).count() / options.scale;
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("[{:4.1f} s | {:<8}] {}\n", seconds_since_start(), thread_name,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::string which = "all";
    net::Options program("A sender without end, and six receivers that make it wait, wake or end.");
    program.add_demo_options(options);
    program.add_choice("--case", which, {"a", "b", "c", "d", "e", "f", "all"}, "Which receiver");
    program.parse(argc, argv);

    stepwise::run(show_all(which));
}
