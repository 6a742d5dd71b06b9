// Bytes with random damage, for tests of what becomes of them. The generator is a fixed one, so that each run sees the
// same.
#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace stepwise::http::test {

class Damage {
public:
    explicit Damage(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_()) % bound; }

    // Changed, lengthened or shortened at up to three places.
    std::string done_to(std::string bytes) {
        for (std::size_t damage = below(4); damage > 0; --damage) {
            const std::size_t place = below(bytes.size());
            const std::size_t kind = below(4);
            if (kind == 0) bytes[place] = interesting_[below(interesting_.size())];
            if (kind == 1) bytes.insert(place, 1, interesting_[below(interesting_.size())]);
            if (kind == 2) bytes.erase(place, 1 + below(3));
            const std::size_t source = below(bytes.size());
            if (kind == 3) bytes.insert(place, bytes.substr(source, below(30)));
        }
        return bytes;
    }

private:
    std::string interesting_ = std::string("\r\n\t :;,%/?#0159afx\x7f\xff") + '\0';
    std::mt19937 random_;
};

}  // namespace stepwise::http::test
