#include <stepwise/runtime/trace/tools/timeline.hpp>

#include <algorithm>

namespace stepwise::trace {

void Timeline::seek(std::size_t position) {
    position = std::min(position, recording_.events().size());
    std::size_t nearest = std::min(position / apart_, checkpoints_.size() - 1);
    if (position < position_ || nearest * apart_ > position_) {
        reducer_ = checkpoints_[nearest];
        position_ = nearest * apart_;
    }
    while (position_ < position) {
        reducer_.apply(recording_.events()[position_++]);
        if (position_ != checkpoints_.size() * apart_) continue;
        checkpoints_.push_back(reducer_);
        if (checkpoints_.size() <= checkpoints_max) continue;
        for (std::size_t kept = 1; 2 * kept < checkpoints_.size(); ++kept) {
            checkpoints_[kept] = std::move(checkpoints_[2 * kept]);
        }
        checkpoints_.resize((checkpoints_.size() + 1) / 2);
        apart_ *= 2;
    }
}

bool Timeline::forward_to(const std::function<bool(const Record&)>& wanted) {
    const std::vector<Record>& events = recording_.events();
    for (std::size_t at = position_; at < events.size(); ++at) {
        if (!wanted(events[at])) continue;
        seek(at + 1);
        return true;
    }
    return false;
}

bool Timeline::back_to(const std::function<bool(const Record&)>& wanted) {
    const std::vector<Record>& events = recording_.events();
    for (std::size_t at = position_ == 0 ? 0 : position_ - 1; at > 0; --at) {
        if (!wanted(events[at - 1])) continue;
        seek(at);
        return true;
    }
    return false;
}

}  // namespace stepwise::trace
