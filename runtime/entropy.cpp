#include <sys/random.h>
#include <stepwise/runtime/entropy.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/seeded_random.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stepwise {

// Up to 256 bytes come whole and are not interrupted, once the kernel has gathered enough since it started.
void Entropy::refill() {
    if (seed_) {
        SeededRandom random(*seed_);
        for (std::uint32_t& number : numbers_) number = static_cast<std::uint32_t>(random.next() >> 32);
        seed_ = random.next();
        left_ = numbers_.size();
        return;
    }
    while (::getrandom(numbers_.data(), sizeof(numbers_), 0) != static_cast<ssize_t>(sizeof(numbers_))) {
        if (errno != EINTR) throw_system_error(errno, "getrandom");
    }
    left_ = numbers_.size();
}

void Entropy::fill(std::span<std::byte> bytes) {
    while (!bytes.empty()) {
        const std::uint32_t number = (*this)();
        const std::size_t size = std::min(bytes.size(), sizeof(number));
        std::memcpy(bytes.data(), &number, size);
        bytes = bytes.subspan(size);
    }
}

}  // namespace stepwise
