#include <stepwise/runtime/sim/timeline.hpp>

#include <algorithm>
#include <utility>

namespace stepwise::sim {

bool Timeline::later(const Entry& left, const Entry& right) noexcept {
    if (left.due != right.due) return left.due > right.due;
    if (left.lot != right.lot) return left.lot > right.lot;
    return left.number > right.number;
}

void Timeline::add(TimePoint due, std::shared_ptr<Happening> happening, unsigned what) {
    entries_.push_back({due, random_.next(), added_++, std::move(happening), what});
    std::push_heap(entries_.begin(), entries_.end(), &later);
}

std::optional<TimePoint> Timeline::next_due() const noexcept {
    if (entries_.empty()) return std::nullopt;
    return entries_.front().due;
}

bool Timeline::run_due() {
    bool any = false;
    while (!entries_.empty() && entries_.front().due <= now_) {
        std::pop_heap(entries_.begin(), entries_.end(), &later);
        Entry entry = std::move(entries_.back());
        entries_.pop_back();
        entry.happening->happen(entry.what);
        any = true;
    }
    return any;
}

}  // namespace stepwise::sim
