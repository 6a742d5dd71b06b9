// What the loop asks of a reactor that is a simulation: its time, its numbers, and somebody to do a thread's work; and
// what a thread asks of the simulation that it is in.
//
// A Simulation belongs to its reactor and ends with it; it is used on the loop's thread. Of the threads of one
// simulation one runs at a time.
#pragma once

#include <stepwise/runtime/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>

namespace stepwise {

struct Job;

class Simulation {
public:
    virtual Clock& clock() noexcept = 0;
    // The loop has a clock of its caller's, which knows nothing of the simulated time: pieces arrive at once.
    virtual void use_foreign_clock() noexcept = 0;
    virtual std::uint64_t entropy_seed() noexcept = 0;
    virtual void set_threads_max(std::size_t threads) noexcept = 0;
    // ReactorHost::run_job is called with it at a time that the seed chooses; where as many run as may, behind one of
    // them, the first that was given first. std::system_error when not one thread can be made.
    virtual void run_later(Job& job) = 0;
    // The jobs that did not begin, as a list; none will run any more: those that have begun are waited for.
    virtual Job* take_jobs() noexcept = 0;
    virtual bool on_own_thread() const noexcept = 0;
    // No other thread waits for its turn.
    virtual bool alone() const noexcept = 0;

protected:
    ~Simulation() = default;
};

class SimulatedThreads {
public:
    virtual TimePoint now() noexcept = 0;
    virtual void sleep_for(Duration duration) = 0;
    // The others go on, until `is_ready` or `due`. Whoever runs asks is_ready. std::logic_error where nothing can
    // happen any more; one that waits for another thread's end is the last to hear of it.
    virtual void wait(TimePoint due, const std::function<bool()>& is_ready, bool for_an_end) = 0;
    // `body` throws nothing.
    virtual std::thread start(std::function<void()> body) = 0;

protected:
    ~SimulatedThreads() = default;
};

namespace detail {

// Of this thread; nullptr: it is not simulated. Where no loop runs yet the simulation begins here, if STEPWISE_REACTOR
// asks for one, and lasts as long as the thread.
SimulatedThreads* simulated_threads();
// Whatever loop this thread makes is in the simulation that it is in itself.
bool is_simulated_thread() noexcept;

}  // namespace detail

// std::logic_error: "LoopGroup cannot be simulated: …".
[[noreturn]] void throw_not_simulated(const char* call, const char* why);

}  // namespace stepwise
