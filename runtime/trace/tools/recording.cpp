#include <stepwise/runtime/trace/tools/recording.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

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

std::string Recording::read_file(const std::string& path) {
    std::string why_not = read_in_blocks(path, [this](std::span<const char> block) {
        receive_data(block);
        return !full_ && !reader_.has_ended();
    });
    receive_end();
    return why_not;
}

std::string read_in_blocks(const std::string& path, const std::function<bool(std::span<const char>)>& take) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"),
                                                         &std::fclose);
    if (file == nullptr) return std::strerror(errno);
    std::vector<char> block(std::size_t{1} << 20);
    while (std::size_t count = std::fread(block.data(), 1, block.size(), file.get())) {
        if (!take(std::span(block).first(count))) return {};
    }
    return std::ferror(file.get()) ? std::strerror(errno) : std::string();
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
