// Delays of timers, spread over a minute: made beforehand, so that a row does not measure their making.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

class Delays {
public:
    explicit Delays(std::size_t count = 1 << 10) : delays_(count) {
        std::uint32_t random = 1;
        for (std::chrono::nanoseconds& delay : delays_) {
            random = random * 1664525 + 1013904223;
            delay = std::chrono::microseconds(1 + random % 60'000'000);
        }
    }
    std::chrono::nanoseconds next() noexcept {
        if (next_ == delays_.size()) next_ = 0;
        return delays_[next_++];
    }

private:
    std::vector<std::chrono::nanoseconds> delays_;
    std::size_t next_ = 0;
};

}  // namespace bench
