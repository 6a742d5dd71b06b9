#include <stepwise/runtime/timer_queue.hpp>

#include <algorithm>
#include <cassert>

namespace stepwise {

namespace {

constexpr std::size_t arity = 4;

}  // namespace

void TimerQueue::add(Timer& timer, TimePoint due) {
    assert(!timer.armed());
    Entry entry{due, added_++, &timer};
    heap_.push_back(entry);
    sift_up(heap_.size() - 1, entry);
}

void TimerQueue::remove(Timer& timer) noexcept {
    if (!timer.armed()) return;
    std::size_t hole = timer.place;
    timer.place = Timer::not_queued;
    Entry last = heap_.back();
    heap_.pop_back();
    if (hole == heap_.size()) return;
    if (hole > 0 && before(last, heap_[(hole - 1) / arity])) {
        sift_up(hole, last);
    } else {
        sift_down(hole, last);
    }
}

std::size_t TimerQueue::fire_due(TimePoint now) noexcept {
    std::size_t fired = 0;
    while (!heap_.empty() && heap_.front().due <= now) {
        Timer& timer = *heap_.front().timer;
        remove(timer);
        timer.fire(timer);
        ++fired;
    }
    return fired;
}

void TimerQueue::sift_up(std::size_t place, const Entry& entry) noexcept {
    while (place > 0) {
        std::size_t parent = (place - 1) / arity;
        if (!before(entry, heap_[parent])) break;
        put(place, heap_[parent]);
        place = parent;
    }
    put(place, entry);
}

void TimerQueue::sift_down(std::size_t place, const Entry& entry) noexcept {
    for (;;) {
        std::size_t first = place * arity + 1;
        if (first >= heap_.size()) break;
        std::size_t end = std::min(first + arity, heap_.size());
        std::size_t least = first;
        for (std::size_t child = first + 1; child < end; ++child) {
            if (before(heap_[child], heap_[least])) least = child;
        }
        if (!before(heap_[least], entry)) break;
        put(place, heap_[least]);
        place = least;
    }
    put(place, entry);
}

}  // namespace stepwise
