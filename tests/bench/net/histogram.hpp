// Latencies: 64 buckets for each power of two, so a percentile is off by less than 1.6 %.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bench {

class Histogram {
public:
    void add(std::uint64_t nanoseconds) {
        ++buckets_[bucket_of(nanoseconds)];
        ++count_;
    }
    double percentile_us(double percent) const {
        auto rank = static_cast<std::uint64_t>(static_cast<double>(count_) * percent / 100);
        std::uint64_t seen = 0;
        for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
            seen += buckets_[bucket];
            if (seen > rank) return static_cast<double>(middle_of(bucket)) / 1000;
        }
        return 0;
    }

private:
    static constexpr std::size_t exact = 128;  // below it each value has a bucket of its own

    static std::size_t bucket_of(std::uint64_t value) {
        if (value < exact) return static_cast<std::size_t>(value);
        auto shift = static_cast<std::size_t>(std::bit_width(value)) - 7;
        return std::min(64 * shift + static_cast<std::size_t>(value >> shift), bucket_count - 1);
    }
    static std::uint64_t middle_of(std::size_t bucket) {
        if (bucket < exact) return bucket;
        std::size_t shift = bucket / 64 - 1;
        return (static_cast<std::uint64_t>(bucket - 64 * shift) << shift) + (std::uint64_t{1} << shift) / 2;
    }

    static constexpr std::size_t bucket_count = 64 * 48;
    std::array<std::uint64_t, bucket_count> buckets_{};
    std::uint64_t count_ = 0;
};

}  // namespace bench
