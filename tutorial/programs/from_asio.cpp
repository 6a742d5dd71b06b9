// What Asio's words become here: one idiom a function, beside its twin in peers/from_asio.cpp.
//
// For the page "From Asio". Prints what the twin prints.
// Run:    ./stepwise run from_asio
// Try:    leave out the `co_await echoing` of speaks(): who ends the echo, and when?
// Prints: main: 3
//         spawn: on its own
//         …
#include <stepwise/net/options.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/runtime/wait.hpp>

#include <fmt/core.h>

#include <csignal>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace stepwise;

//[ main
Coro<int> add(int left, int right) {
    co_await sleep(10ms);
    co_return left + right;
}

Coro<> waits_for_a_child() {
    int total = co_await add(1, 2);
    fmt::print("main: {}\n", total);
}
//]

//[ spawn
Coro<> says(std::string word) {
    fmt::print("spawn: {}\n", word);
    co_return;
}

Coro<> spawns() {
    Task<> task = EventLoop::current().create_task(says("on its own"));
    co_await task;
}
//]

//[ parallel
Coro<> runs_side_by_side() {
    auto [first, second] = co_await gather(add(1, 1), add(2, 2));
    fmt::print("and: {} {}\n", first, second);
    std::vector<Coro<int>> bodies;
    bodies.push_back(add(3, 3));
    bodies.push_back(add(4, 4));
    int winner = co_await race(std::move(bodies));
    fmt::print("or: {}\n", winner);
}
//]

Coro<> sleeps(Duration time) {
    co_await sleep(time);
}

//[ timeout
Coro<> times_out() {
    try {
        co_await timeout(10ms, sleeps(1h));
    } catch (const TimeoutError&) {
        fmt::print("timeout: the time is up\n");
    }
}
//]

//[ cancel
Coro<> sleeps_long() {
    try {
        co_await sleep(1h);
    } catch (const CancelledError&) {
        fmt::print("cancel: inside\n");
        throw;
    }
}

Coro<> cancels() {
    Task<> task = EventLoop::current().create_task(sleeps_long());
    co_await sleep(10ms);
    task.cancel();
    std::vector<Task<>> tasks{task};
    co_await wait(tasks);
    fmt::print("cancel: ended {:d}\n", task.cancelled());
}
//]

//[ post
Coro<> posts() {
    EventLoop& loop = EventLoop::current();
    loop.call_soon([] { fmt::print("post: from here\n"); });
    co_await sleep(1ms);
    Event told;
    std::thread elsewhere([&loop, &told] {
        loop.call_soon_threadsafe([&told] {
            fmt::print("post: from a thread\n");
            told.set();
        });
    });
    co_await told.wait();
    elsewhere.join();
}
//]

//[ blocking
int blocks() {
    std::this_thread::sleep_for(1ms);
    return 45;
}

Coro<> uses_threads() {
    int total = co_await to_thread(blocks);
    fmt::print("thread: {}\n", total);
}
//]

//[ streams
Coro<> echo(int listening_socket) {
    net::Stream stream = co_await net::accept_from(listening_socket);
    std::optional<std::string> line = co_await stream.read_until("\n");
    co_await stream.write_all(line.value());
}

Coro<> speaks() {
    UniqueFd socket = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    Task<> echoing = EventLoop::current().create_task(echo(socket.get()));
    net::Stream stream = co_await net::Stream::connect(net::Address::of_local_end(socket.get()));
    stream.write("hello\n");
    std::optional<std::string> line = co_await stream.read_until("\n");
    fmt::print("stream: {}", line.value());
    co_await echoing;
}
//]

//[ errors
Coro<> fails() {
    try {
        co_await net::Stream::connect(net::Address::tcp("127.0.0.1", 1));
    } catch (const std::system_error& error) {
        fmt::print("error: {:d}\n", error.code() == std::errc::connection_refused);
    }
}
//]

//[ signal
Coro<> takes_a_signal() {
    EventLoop& loop = EventLoop::current();
    Event arrived;
    loop.add_signal_handler(SIGUSR1, [&arrived] { arrived.set(); });
    std::raise(SIGUSR1);
    co_await arrived.wait();
    loop.remove_signal_handler(SIGUSR1);
    fmt::print("signal: arrived\n");
}
//]

Coro<> everything() {
    for (auto part : {waits_for_a_child, spawns, runs_side_by_side, times_out, cancels, posts, uses_threads, speaks,
                      fails, takes_a_signal}) {
        Coro<> body = part();
        co_await std::move(body);
    }
}

}  // namespace

int main(int argc, char** argv) {
    net::parse_demo_options(argc, argv, "What Asio's words become here.");
    //[ run
    run(everything());
    //]
}
