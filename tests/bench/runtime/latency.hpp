// The time from a post on one thread to its call on another that sleeps, many times: the median is told.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <semaphore>
#include <thread>
#include <vector>

namespace bench {

class Latency {
public:
    using Clock = std::chrono::steady_clock;

    explicit Latency(std::size_t count) : count_(count) { times_.reserve(count); }

    // On the posting thread: `post(now)` so many times, each after the call before it was made and the other sleeps.
    // It sleeps, too, as every program here does: where it kept its CPU, the other would be woken on one that is idle.
    template <class Post>
    void post_each(Post post) {
        for (std::size_t done = 0; done < count_; ++done) {
            post(Clock::now());
            called_.acquire();
            (void)never_.try_acquire_for(std::chrono::microseconds(50));
        }
    }
    // On the other, by each call.
    void arrived(Clock::time_point posted) {
        times_.push_back(Clock::now() - posted);
        called_.release();
    }
    bool complete() const noexcept { return times_.size() == count_; }

    double median_ns() {
        auto middle = times_.begin() + static_cast<std::ptrdiff_t>(times_.size() / 2);
        std::nth_element(times_.begin(), middle, times_.end());
        return static_cast<double>(middle->count());
    }

private:
    std::size_t count_;
    std::counting_semaphore<> called_{0};
    std::counting_semaphore<> never_{0};
    std::vector<std::chrono::nanoseconds> times_;
};

}  // namespace bench
