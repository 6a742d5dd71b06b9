// What the tests of the simulator share: a coroutine is run to its end on a simulated loop of its own.
#pragma once

#include <stepwise/net/address.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sim/world.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace sim_test {

using namespace std::chrono_literals;
using namespace stepwise;

inline EventLoop::Options on(const sim::Options& options) {
    EventLoop::Options loop;
    loop.reactor = "sim";
    loop.reactor_options.sim = options;
    return loop;
}

template <class T>
T run_on(const sim::Options& options, Coro<T> main) {
    return run(std::move(main), on(options));
}

}  // namespace sim_test
