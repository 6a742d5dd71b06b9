// Unpredictable numbers from the kernel, fetched many at a time: getrandom(2).
//
//     std::array<std::byte, 16> session_id;
//     loop.entropy().fill(session_id);
//
// One per loop, for what must not be guessed by a peer: mask keys, nonces. A simulated loop's follow from its seed. One
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace stepwise {

class Entropy {
public:
    Entropy() noexcept = default;
    Entropy(const Entropy&) = delete;
    Entropy& operator=(const Entropy&) = delete;

    // From here on numbers that follow from the seed: they can be guessed.
    void follow(std::uint64_t seed) noexcept {
        seed_ = seed;
        left_ = 0;
    }

    // Throws std::system_error on a kernel without getrandom.
    std::uint32_t operator()() {
        if (left_ == 0) refill();
        return numbers_[--left_];
    }
    // Throws as the call above.
    void fill(std::span<std::byte> bytes);

private:
    void refill();

    std::array<std::uint32_t, 64> numbers_;
    std::size_t left_ = 0;
    std::optional<std::uint64_t> seed_;
};

}  // namespace stepwise
