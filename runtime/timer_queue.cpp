#include <stepwise/runtime/timer_queue.hpp>

#include <cassert>

namespace stepwise {

namespace {

constexpr std::size_t arity = 4;

}  // namespace

void TimerQueue::add(Timer& timer, TimePoint due) {
    assert(!timer.armed());
    Entry entry{due, &timer};
    std::size_t place = heap_.size();
    heap_.push_back(entry);
    timer.order = added_++;
    if (tracer() != nullptr) [[unlikely]]
        trace::timer_added(*tracer_, timer, due.time_since_epoch().count());
    timer.place = static_cast<std::uint32_t>(place);
    if (place > 0 && before(entry, heap_[(place - 1) / arity])) sift_up(place, entry);
}

void TimerQueue::remove(Timer& timer) noexcept {
    if (!timer.armed()) return;
    if (tracer() != nullptr) [[unlikely]]
        trace::timer_removed(*tracer_, timer);
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
        timer.place = Timer::not_queued;
        Entry last = heap_.back();
        heap_.pop_back();
        if (!heap_.empty()) sift_down(0, last);
        if (tracer() != nullptr) [[unlikely]] {
            trace::fire(*tracer_, timer);
        } else {
            timer.fire(timer);
        }
        ++fired;
    }
    return fired;
}

void TimerQueue::sift_up(std::size_t place, Entry entry) noexcept {
    Entry* heap = heap_.data();
    while (place > 0) {
        std::size_t parent = (place - 1) / arity;
        if (!before(entry, heap[parent])) break;
        put(place, heap[parent]);
        place = parent;
    }
    put(place, entry);
}

void TimerQueue::sift_down(std::size_t place, Entry entry) noexcept {
    const Entry* heap = heap_.data();
    std::size_t size = heap_.size();
    for (std::size_t first = place * arity + 1; first < size; first = place * arity + 1) {
        std::size_t least = first;
        if (first + arity <= size) {
            // Two by two: which half wins depends on no earlier guess.
            std::size_t left = first + (before(heap[first + 1], heap[first]) ? 1 : 0);
            std::size_t right = first + 2 + (before(heap[first + 3], heap[first + 2]) ? 1 : 0);
            least = before(heap[right], heap[left]) ? right : left;
        } else {
            for (std::size_t child = first + 1; child < size; ++child) {
                if (before(heap[child], heap[least])) least = child;
            }
        }
        if (!before(heap[least], entry)) break;
        put(place, heap[least]);
        place = least;
    }
    put(place, entry);
}

}  // namespace stepwise
