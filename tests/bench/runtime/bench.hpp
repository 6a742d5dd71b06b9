// What the programs that measure a runtime share: rows with a name, the meter that a row starts and stops, and a main.
//
//     PROGRAM              lists the rows, each with the count that it is usually run with
//     PROGRAM ROW COUNT    does COUNT operations after a warm-up of fixed size; prints one line of JSON
//
// Under callgrind with --collect-atstart=no, what is collected is what the meter's thread did between start and stop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace bench {

inline constexpr std::size_t warm_up_count = 2000;
inline constexpr std::size_t calls_of_fibonacci_25 = 242785;

// Of operator new, in this program, on any thread.
struct Allocations {
    std::uint64_t calls = 0;
    std::uint64_t bytes = 0;
};
Allocations allocations() noexcept;

class Meter {
public:
    void start() noexcept;
    void stop() noexcept;
    // Instead of what start and stop saw, for a row that is no sum of operations.
    void set_ns(double ns) noexcept { ns_ = ns; }
    void set_bytes(double bytes) noexcept { bytes_ = bytes; }

    std::string json(std::size_t count) const;

private:
    std::chrono::steady_clock::time_point started_;
    std::chrono::nanoseconds time_{0};
    std::uint64_t allocations_before_ = 0;
    std::uint64_t allocations_ = 0;
    double ns_ = -1;
    double bytes_ = -1;
};

struct Row {
    const char* name;
    std::size_t count;
    void (*run)(std::size_t count, Meter& meter);
};

int run_rows(int argc, char** argv, std::span<const Row> rows);

// Keeps a value from being optimised away.
template <class Value>
void use(const Value& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

}  // namespace bench
