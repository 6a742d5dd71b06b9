// Runs a property over many seeds: what must hold in every world that a seed can make, however the network behaves.
//
// A property is a coroutine that makes its servers and clients in one simulated loop and tells the Trial of what does
// not hold. Around it the explorer checks what holds for every program: it ends, no task is left, nothing that nobody
// caught, memory returns to its start. Seeds run in processes, one for each core; a failing one is run again with fewer
// faults until each that is left is needed, and printed with the command that replays it.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sim/world.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace explore {

using namespace std::chrono_literals;
using namespace stepwise;

class Trial {
public:
    explicit Trial(std::uint64_t seed) : random(SeededRandom(seed).branch(1000)) {}

    template <class... Args>
    void fail(fmt::format_string<Args...> text, Args&&... args) {
        if (failures_.size() < failures_max) failures_.push_back(fmt::format(text, std::forward<Args>(args)...));
    }
    const std::vector<std::string>& failures() const noexcept { return failures_; }

    // What the property leaves to the seed: how many clients, how long a message.
    SeededRandom random;

private:
    static constexpr std::size_t failures_max = 6;
    std::vector<std::string> failures_;
};

struct Property {
    const char* name;
    Coro<void> (*run)(Trial& trial);
};

// One trial. The text of what failed, a line each; empty: it held.
std::string failure_of(const Property& property, const sim::Options& options);

// The weather that a seed makes: latency, bandwidth, buffers and the chances of faults.
sim::Options weather_of(std::uint64_t seed);

// The program: `explore PROPERTY [--seeds N] [--for 60s] [--seed N [settings]]`. Its exit code.
int main_of(const std::vector<Property>& properties, int argc, char** argv);

}  // namespace explore
