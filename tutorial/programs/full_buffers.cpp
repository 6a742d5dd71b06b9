// Where a message waits that its receiver does not take: the buffers between a send() and a receive(), as they fill.
//
// For chapter 29. On the simulator, whose kernels have small buffers here, so that a few messages fill them.
// Run:    ./stepwise run full_buffers [--lang zh|en]
// Try:    write_message instead of send in send_ten_a_second. What does queued_bytes() grow to, and who notices?
// Prints: [ 0.1 s] send 1: queue 0/64 KiB, own kernel 0/64 KiB, peer's side 32/128 KiB
//         and so on, until one send waits, and what it is that wakes it
#include <fmt/core.h>

#include <chrono>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

constexpr std::size_t kibibyte = 1024;
constexpr std::size_t buffer_bytes = 64 * kibibyte;
constexpr std::size_t frame_bytes = 32 * kibibyte;
const std::string message(frame_bytes - 4, '.');  // and the frame's header
net::DemoOptions options;
stepwise::TimePoint start;

double seconds_since_start() {
    return std::chrono::duration<double>(EventLoop::current().time() - start).count();
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("[{:4.1f} s] {}\n", seconds_since_start(), options.language == net::Language::chinese ? zh : en);
}

struct Sender {
    std::size_t sent = 0;   // messages for which send() was called
    std::size_t taken = 0;  // by the receiver
    bool waits = false;
};
Sender sender;

struct Levels {
    std::size_t queue;
    std::size_t own_kernel;
    std::size_t theirs;
};

//[ levels
Levels levels_of(const ws::Connection& connection) {
    const std::size_t queue = connection.queued_bytes();
    const std::size_t own_kernel = connection.unacknowledged_bytes();
    const std::size_t left = (sender.sent - sender.taken) * frame_bytes;
    return {queue, own_kernel, left - queue - own_kernel};
}
//]

void say_levels(const Levels& levels, const std::string& zh, const std::string& en) {
    const std::size_t queue = levels.queue / kibibyte;
    const std::size_t own_kernel = levels.own_kernel / kibibyte;
    const std::size_t theirs = levels.theirs / kibibyte;
    say(fmt::format("{}: 队列 {}/64 KiB，自己内核 {}/64 KiB，对方那边 {}/128 KiB", zh, queue, own_kernel, theirs),
        fmt::format("{}: queue {}/64 KiB, own kernel {}/64 KiB, peer's side {}/128 KiB", en, queue, own_kernel,
                    theirs));
}

void say_that_it_waited(double seconds) {
    say(fmt::format("第 {} 次 send 等了 {:.1f} s，继续", sender.sent, seconds),
        fmt::format("send {} went on after {:.1f} s", sender.sent, seconds));
}

//[ sender
Coro<> send_ten_a_second(ws::Connection& connection) {
    for (;;) {
        sender.sent += 1;
        const double before = seconds_since_start();
        sender.waits = true;
        co_await connection.send(message);
        sender.waits = false;
        const double waited = seconds_since_start() - before;
        if (waited > 0.1) say_that_it_waited(waited);
        co_await stepwise::sleep(100ms);
    }
}
//]

// Looks on, between two messages.
Coro<> look_on(const ws::Connection& connection) {
    co_await stepwise::sleep(50ms);
    for (std::size_t shown = 0; connection.is_open(); co_await stepwise::sleep(100ms)) {
        if (shown == sender.sent) continue;
        shown = sender.sent;
        const Levels levels = levels_of(connection);
        say_levels(levels, fmt::format("第 {} 次 send{}", shown, sender.waits ? " 在等" : ""),
                   fmt::format("send {}{}", shown, sender.waits ? " waits" : ""));
    }
}

Coro<> serve(ws::Connection& connection) {
    Task<> looking = EventLoop::current().create_task(look_on(connection));
    try {
        co_await send_ten_a_second(connection);
    } catch (const ws::ConnectionClosed& closed) {
        say(fmt::format("第 {} 次 send 抛出: {}", sender.sent, closed.what()),
            fmt::format("send {} threw: {}", sender.sent, closed.what()));
    }
    co_await looking;
}

// Takes nothing for three seconds, then four messages, then nothing again, and leaves.
Coro<> receive_in_bursts(std::string url) {
    ws::ConnectOptions connect_options;
    connect_options.connection.waiting_messages_max = 1;
    ws::ClientConnection connection = co_await ws::connect(url, connect_options);
    co_await stepwise::sleep(3s);
    say("接收方收走 4 条", "the receiver takes 4 messages");
    for (int number = 1; number <= 4; ++number) {
        const auto taken = co_await connection->receive();
        sender.taken += 1;
    }
    co_await stepwise::sleep(3s);
    say("接收方走了", "the receiver leaves");
    connection->abort();
}

Coro<> send_and_receive() {
    start = EventLoop::current().time();
    ws::ConnectionOptions connection_options;
    connection_options.protocol.compression.enabled = false;
    http::Router router;
    router.get("/", ws::coroutine(serve, connection_options));
    http::Server server(EventLoop::current(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/";
    co_await receive_in_bursts(url);
    co_await server.shutdown(1s);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "The buffers between a send() and a receive(), as they fill.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    loop_options.reactor_options.sim.send_buffer_bytes = buffer_bytes;
    loop_options.reactor_options.sim.receive_buffer_bytes = buffer_bytes;
    stepwise::run(send_and_receive(), loop_options);
}
