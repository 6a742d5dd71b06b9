// Timers in due order: a 4-ary heap whose entries know their place, so that a timer is taken out without a search.
//
// The timer belongs to whoever embeds it and must be removed before it ends. Timers that are due at the same instant
// fire in the order in which they were added. `fire` runs when the loop finds the timer due and may only enqueue. One
// thread. The heap's array grows with the number of pending timers and is the only allocation.
#pragma once

#include <stepwise/runtime/trace/trace.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace stepwise {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

struct Timer {
    using Fire = void (*)(Timer&) noexcept;

    explicit Timer(Fire on_fire) noexcept : fire(on_fire) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    bool armed() const noexcept { return place != not_queued; }

    static constexpr std::uint32_t not_queued = UINT32_MAX;

    // The queue's:
    std::uint32_t place = not_queued;
    std::uint32_t order = 0;
    Fire fire;
};

class TimerQueue {
public:
    // `added`: how many were added before; a test begins where the count passes its end.
    explicit TimerQueue(std::uint32_t added = 0) noexcept : added_(added) {}

    bool empty() const noexcept { return heap_.empty(); }
    std::size_t size() const noexcept { return heap_.size(); }
    // Those that are armed, in no order.
    template <class Visit>
    void each(Visit visit) const {
        for (const Entry& entry : heap_) visit(*entry.timer, entry.due);
    }
    void trace_to(trace::Tracer* tracer) noexcept { tracer_ = tracer; }
    TimePoint next_due() const noexcept { return heap_.front().due; }

    // The next add will not throw.
    void make_room() {
        if (heap_.size() == heap_.capacity()) heap_.reserve(2 * heap_.size() + 16);
    }
    // `timer` must not be armed. Throws std::bad_alloc, and is unchanged then.
    void add(Timer& timer, TimePoint due);
    // Does nothing to a timer that is not armed.
    void remove(Timer& timer) noexcept;
    // Disarms and fires all that are due at `now`, in order. Returns how many.
    std::size_t fire_due(TimePoint now) noexcept;

private:
    // Two words, so that four children fill one cache line. The order of equals stands in the timer: it is looked at
    // for them alone.
    struct Entry {
        TimePoint due;
        Timer* timer;
    };

    static bool before(const Entry& left, const Entry& right) noexcept {
        if (left.due == right.due) [[unlikely]]
            return added_before(*left.timer, *right.timer);
        return left.due < right.due;
    }
    // Right across the counter's end, too, unless one of the two has waited for 2^31 timers.
    static bool added_before(const Timer& left, const Timer& right) noexcept {
        return static_cast<std::int32_t>(left.order - right.order) < 0;
    }
    void put(std::size_t place, Entry entry) noexcept {
        heap_[place] = entry;
        entry.timer->place = static_cast<std::uint32_t>(place);
    }
    void sift_up(std::size_t place, Entry entry) noexcept;
    void sift_down(std::size_t place, Entry entry) noexcept;

    trace::Tracer* tracer() const noexcept { return trace::compiled_in ? tracer_ : nullptr; }

    std::vector<Entry> heap_;
    trace::Tracer* tracer_ = nullptr;
    std::uint32_t added_;
};

}  // namespace stepwise
