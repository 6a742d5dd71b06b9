// A thread, and what makes one wait: as in std, but on the simulator in virtual time, one at a time, by the seed.
//
//     Thread thread([&loop, &log] {
//         loop.call_soon_threadsafe([&log] { log("from another thread"); });
//     });
//     thread.join();
//
// Of STEPWISE_REACTOR=sim: a Thread is in the simulation of the thread that makes it, and so is a loop that it runs, or
// refused, std::logic_error, where it asks for a kernel's reactor. Each thread asks the environment once. Whatever
// makes a simulated thread wait must be one of these: a lock that another holds would keep both for ever.
// Elsewhere all of this is std's, at std's cost.
#pragma once

#include <stepwise/runtime/clock.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace stepwise {

class SimulatedThreads;

class Thread {
public:
    Thread() noexcept;
    // std::system_error where there is no thread to be had.
    explicit Thread(std::function<void()> body);
    Thread(Thread&& other) noexcept;
    Thread& operator=(Thread&& other) noexcept;
    // Waits for its end, if nobody has. An error that nobody has heard of goes to stderr.
    ~Thread();

    bool joinable() const noexcept { return state_ != nullptr; }
    // Waits for its end, and throws what it threw. Once.
    void join();

private:
    friend class LoopGroup;
    struct State;

    // In that simulation; nullptr: in none.
    Thread(std::function<void()> body, SimulatedThreads* simulated);

    std::unique_ptr<State> state_;
};

namespace this_thread {

// Of the steady clock, or the simulation's.
TimePoint now();
// Blocks the thread, and with it its loop: in a task it is stepwise::sleep that is wanted.
void sleep_for(Duration duration);
template <class Number, class Unit>
void sleep_for(std::chrono::duration<Number, Unit> duration) {
    sleep_for(std::chrono::ceil<Duration>(duration));
}

// Until the future is ready.
template <class Future>
requires requires(const Future& future) {
    future.wait_for(std::chrono::seconds(0));
}
void wait(const Future& future);
// Until the value is another one: std::atomic::wait.
template <class Value>
void wait(const std::atomic<Value>& value, Value old);

}  // namespace this_thread

namespace detail {

// False: this thread is not simulated, and nothing was done.
bool wait_simulated(const std::function<bool()>& is_ready);

}  // namespace detail

template <class Future>
requires requires(const Future& future) {
    future.wait_for(std::chrono::seconds(0));
}
void this_thread::wait(const Future& future) {
    // Also one that is deferred: it is computed by who waits for it.
    const auto is_ready = [&] {
        const auto status = future.wait_for(std::chrono::seconds(0));
        return status != decltype(future.wait_for(std::chrono::seconds(0)))::timeout;
    };
    detail::wait_simulated(is_ready);
    future.wait();
}

template <class Value>
void this_thread::wait(const std::atomic<Value>& value, Value old) {
    if (!detail::wait_simulated([&] { return value != old; })) value.wait(old);
}

}  // namespace stepwise
