// The page "From Asio", Asio's half (Boost 1.81). ../from_asio.cpp prints the same. Built where Boost is installed.
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;

//[ main
awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(use_awaitable);
}

awaitable<int> add(int left, int right) {
    co_await pause(10ms);
    co_return left + right;
}

awaitable<void> waits_for_a_child() {
    int total = co_await add(1, 2);
    std::printf("main: %d\n", total);
}
//]

//[ spawn
awaitable<void> says(std::string word) {
    std::printf("spawn: %s\n", word.c_str());
    co_return;
}

awaitable<void> spawns() {
    auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, says("on its own"), asio::detached);
    co_await pause(10ms);
}
//]

//[ parallel
awaitable<void> runs_side_by_side() {
    auto [first, second] = co_await (add(1, 1) && add(2, 2));
    std::printf("and: %d %d\n", first, second);
    auto winner = co_await (add(3, 3) || add(4, 4));
    std::printf("or: %d\n", winner.index() == 0 ? std::get<0>(winner) : std::get<1>(winner));
}
//]

//[ timeout
awaitable<void> times_out() {
    auto ended = co_await (pause(1h) || pause(10ms));
    if (ended.index() == 1) std::printf("timeout: the time is up\n");
}
//]

//[ cancel
awaitable<void> sleeps_long() {
    try {
        co_await pause(1h);
    } catch (const boost::system::system_error& error) {
        if (error.code() != asio::error::operation_aborted) throw;
        std::printf("cancel: inside\n");
        throw;
    }
}

awaitable<void> cancels() {
    auto executor = co_await asio::this_coro::executor;
    asio::cancellation_signal stop;
    bool failed = false;
    asio::co_spawn(
        executor, sleeps_long(),
        asio::bind_cancellation_slot(stop.slot(), [&failed](std::exception_ptr error) { failed = !!error; }));
    co_await pause(10ms);
    stop.emit(asio::cancellation_type::terminal);
    co_await pause(10ms);
    std::printf("cancel: ended %d\n", failed);
}
//]

//[ post
awaitable<void> posts() {
    auto executor = co_await asio::this_coro::executor;
    asio::post(executor, [] { std::printf("post: from here\n"); });
    co_await pause(1ms);
    std::thread elsewhere([executor] { asio::post(executor, [] { std::printf("post: from a thread\n"); }); });
    elsewhere.join();
    co_await pause(1ms);
}
//]

//[ blocking
awaitable<int> blocks() {
    std::this_thread::sleep_for(1ms);
    co_return 45;
}

awaitable<void> uses_threads() {
    static asio::thread_pool pool(2);
    int total = co_await asio::co_spawn(pool, blocks(), use_awaitable);
    std::printf("thread: %d\n", total);
}
//]

//[ streams
awaitable<void> echo(tcp::acceptor& acceptor) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    std::string line;
    std::size_t size = co_await asio::async_read_until(socket, asio::dynamic_buffer(line), '\n', use_awaitable);
    co_await asio::async_write(socket, asio::buffer(line, size), use_awaitable);
}

awaitable<void> speaks() {
    auto executor = co_await asio::this_coro::executor;
    tcp::acceptor acceptor(executor, {asio::ip::make_address("127.0.0.1"), 0});
    asio::co_spawn(executor, echo(acceptor), asio::detached);
    tcp::socket socket(executor);
    co_await socket.async_connect(acceptor.local_endpoint(), use_awaitable);
    std::string text = "hello\n";
    co_await asio::async_write(socket, asio::buffer(text), use_awaitable);
    std::string line;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(line), '\n', use_awaitable);
    std::printf("stream: %s", line.c_str());
}
//]

//[ errors
awaitable<void> fails() {
    auto executor = co_await asio::this_coro::executor;
    tcp::socket socket(executor);
    tcp::endpoint nobody(asio::ip::make_address("127.0.0.1"), 1);
    auto [error] = co_await socket.async_connect(nobody, asio::as_tuple(use_awaitable));
    std::printf("error: %d\n", error == asio::error::connection_refused);
}
//]

//[ signal
awaitable<void> takes_a_signal() {
    asio::signal_set signals(co_await asio::this_coro::executor, SIGUSR1);
    std::raise(SIGUSR1);
    co_await signals.async_wait(use_awaitable);
    std::printf("signal: arrived\n");
}
//]

awaitable<void> everything() {
    co_await waits_for_a_child();
    co_await spawns();
    co_await runs_side_by_side();
    co_await times_out();
    co_await cancels();
    co_await posts();
    co_await uses_threads();
    co_await speaks();
    co_await fails();
    co_await takes_a_signal();
}

}  // namespace

int main() {
    //[ run
    asio::io_context context;
    asio::co_spawn(context, everything(), asio::detached);
    context.run();
    //]
}
