// What the tests of peers that break, stop, drown or deceive a program share: the worlds by seed, and what the program
// holds of memory and descriptors.
#pragma once

#include <stepwise/tests/sim/support.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <filesystem>

namespace sim_test {

// A sanitizer takes forty times as long for each.
#ifdef __SANITIZE_ADDRESS__
inline constexpr std::uint64_t seeds = 2;
#else
inline constexpr std::uint64_t seeds = 4;
#endif

// Of the whole program, by its operator new: see ws_faults_test.cpp.
struct Heap {
    long held = 0;
    long most = 0;
};
Heap& heap() noexcept;

inline long open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

// Latencies differ from seed to seed; half of them read and write in parts, and a third have small buffers.
inline sim::Options weather(std::uint64_t seed) {
    sim::Options options;
    options.seed = seed;
    options.latency = sim::Span{20us, 1ms};
    if (seed % 3 == 0) options.send_buffer_bytes = options.receive_buffer_bytes = 4096;
    if (seed % 2 == 0) {
        for (const sim::Fault fault : {sim::Fault::split, sim::Fault::short_read, sim::Fault::short_write}) {
            options.chance(fault) = 0.2;
        }
    }
    return options;
}

// Each row of a table of what peers do, in each weather: what `play(row)` returns is given to `check(row, outcome)`,
// and no descriptor is left.
template <class Rows, class Play, class Check>
void play_all(const Rows& rows, Play play, Check check) {
    for (const auto& row : rows) {
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            const std::string where = fmt::format("{}, seed {}", row.name, seed);
            CAPTURE(where);
            const long descriptors = open_descriptors();
            check(row, run_on(weather(seed), play(row)));
            CHECK(open_descriptors() == descriptors);
        }
    }
}

}  // namespace sim_test
