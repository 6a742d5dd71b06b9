#include <stepwise/runtime/trace/tools/recording.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stepwise::trace {

void Recording::receive_data(std::span<const char> bytes) {
    if (full_) return;
    reader_.receive_data(bytes);
    take_events();
}

void Recording::receive_end() {
    reader_.receive_end();
    take_events();
}

void Recording::take_events() {
    while (!full_) {
        std::optional<Record> event = reader_.next_event();
        if (!event) return;
        cast_.learn(reader_, *event);
        events_.push_back(*event);
        full_ = events_.size() == events_max;
    }
}

const Record* Recording::find(std::uint64_t seq) const noexcept {
    if (seq == 0 || events_.empty()) return nullptr;
    auto found = std::lower_bound(events_.begin(), events_.end(), seq,
                                  [](const Record& event, std::uint64_t number) { return event.seq < number; });
    return found == events_.end() || found->seq != seq ? nullptr : &*found;
}

double Recording::seconds(const Record& event) const noexcept {
    return events_.empty() ? 0 : static_cast<double>(event.t - events_.front().t) / 1e9;
}

std::string Recording::problem() const {
    if (full_) return fmt::format("only the first {} events are shown", events_max);
    return reader_.problem();
}

}  // namespace stepwise::trace
