// The hash that a snap carries. The runtime walks its own lists to make it, a reader the state that it has rebuilt from
// the events: that both come to the same number is the proof that the events tell all.
//
// Order counts in the ready queue and among the tasks; timers are a set, whose order stands in what each is hashed of.
#pragma once

#include <cstdint>

namespace stepwise::trace {

class SnapHash {
public:
    void add(std::uint64_t value) noexcept { hash_ = mix(hash_ ^ value); }
    void add_timer(std::uint32_t id, std::int64_t due, std::uint32_t order) noexcept {
        timers_ += mix(mix(mix(id) ^ static_cast<std::uint64_t>(due)) ^ order);
    }
    // What comes next is of another list.
    void next_list() noexcept { add(~std::uint64_t{0}); }
    std::uint64_t value() const noexcept { return mix(hash_ ^ timers_); }

    static std::uint64_t mix(std::uint64_t value) noexcept {  // splitmix64
        value += 0x9E3779B97F4A7C15U;
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9U;
        value = (value ^ value >> 27) * 0x94D049BB133111EBU;
        return value ^ value >> 31;
    }

private:
    std::uint64_t hash_ = 0;
    std::uint64_t timers_ = 0;
};

}  // namespace stepwise::trace
