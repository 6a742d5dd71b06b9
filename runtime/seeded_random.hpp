// Numbers that follow from one 64-bit seed alone: splitmix64. Not for secrets.
//
// What is drawn for one purpose must not shift what another draws: each purpose has a SeededRandom of its own, made by
// `branch`. One thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace stepwise {

class SeededRandom {
public:
    explicit SeededRandom(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }
    // Less than `bound`, which is not zero.
    std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
    // At least 0, less than 1.
    double fraction() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }
    bool chance(double probability) noexcept { return probability > 0 && fraction() < probability; }
    std::chrono::nanoseconds between(std::chrono::nanoseconds low, std::chrono::nanoseconds high) noexcept {
        if (high <= low) return low;
        return low + std::chrono::nanoseconds(below(static_cast<std::uint64_t>((high - low).count())));
    }

    // Independent of what is drawn here later. `purpose` tells branches of one seed apart.
    SeededRandom branch(std::uint64_t purpose) const noexcept {
        SeededRandom mixed(state_ ^ (purpose * 0xd1342543de82ef95));
        return SeededRandom(mixed.next());
    }

private:
    std::uint64_t state_;
};

}  // namespace stepwise
