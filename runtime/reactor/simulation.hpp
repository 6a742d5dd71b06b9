// What the loop asks of a reactor that is a simulation: its time, its numbers, and somebody to do a thread's work.
//
// It belongs to the reactor and ends with it. Everything here runs on the loop's thread: there is no other.
#pragma once

#include <cstdint>

namespace stepwise {

class Clock;
struct Job;

class Simulation {
public:
    virtual Clock& clock() noexcept = 0;
    // The loop has a clock of its caller's, which knows nothing of the simulated time: pieces arrive at once.
    virtual void use_foreign_clock() noexcept = 0;
    virtual std::uint64_t entropy_seed() noexcept = 0;
    // ReactorHost::run_job is called with it at a time that the seed chooses.
    virtual void run_later(Job& job) = 0;
    // The jobs that did not run, as a list; none will run any more.
    virtual Job* take_jobs() noexcept = 0;
    virtual bool on_own_thread() const noexcept = 0;

protected:
    ~Simulation() = default;
};

// std::logic_error: "LoopGroup cannot be simulated: …".
[[noreturn]] void throw_not_simulated(const char* call, const char* why);

}  // namespace stepwise
