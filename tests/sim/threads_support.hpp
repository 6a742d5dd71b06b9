// What the tests of simulated threads share.
#pragma once

#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/thread.hpp>
#include <stepwise/tests/sim/support.hpp>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <thread>

namespace sim_test {

namespace own = stepwise::this_thread;  // in virtual time

// A program of its own that is simulated from its first line on, before it has a loop.
inline void in_a_program(std::uint64_t seed, const std::function<void()>& main) {
    ::setenv("STEPWISE_REACTOR", "sim", 1);
    ::setenv("STEPWISE_SEED", std::to_string(seed).c_str(), 1);
    std::thread program(main);
    program.join();
    ::unsetenv("STEPWISE_SEED");
    ::unsetenv("STEPWISE_REACTOR");
}

inline EventLoop::Options real() {
    EventLoop::Options options;
    options.reactor = "epoll";
    return options;
}

inline sim::Options with_seed(std::uint64_t seed) {
    sim::Options options;
    options.seed = seed;
    return options;
}

inline Coro<void> receive_a_byte(int from, std::string& heard) {
    char byte = 0;
    const std::size_t count = co_await io::recv(from, std::span(&byte, 1));
    heard += count == 1 ? byte : '-';
}

// Takes a second for each, and writes down who runs.
inline Coro<void> tick(int count, char name, std::string& order) {
    for (int number = 0; number < count; ++number) {
        co_await sleep(1s);
        order += name;
    }
}

// Goes on waiting when it is cancelled.
inline Coro<void> refuse_to_be_cancelled() {
    Event never;
    try {
        co_await never.wait();
    } catch (const CancelledError&) {
        EventLoop::current().current_task()->uncancel();
    }
    co_await never.wait();
}

}  // namespace sim_test
