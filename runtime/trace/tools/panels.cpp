#include <stepwise/runtime/trace/shapes.hpp>
#include <stepwise/runtime/trace/tools/panels.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace stepwise::trace {

namespace {

std::string_view either(Language language, std::string_view english, std::string_view chinese) noexcept {
    return language == Language::english ? english : chinese;
}

std::string_view word_of_state(std::uint8_t state, Language language) noexcept {
    constexpr std::string_view chinese[] = {"未完成", "有结果", "有异常", "已取消"};
    if (language == Language::english) return word_of(Meaning::future_state, state);
    return state < 4 ? chinese[state] : std::string_view("?");
}

class Tasks {
public:
    Tasks(const Recording& recording, const State& state, Language language)
        : recording_(recording), state_(state), language_(language), ready_(state.ready.begin(), state.ready.end()) {}

    std::vector<std::string> lines() {
        for (const auto& [id, task] : state_.tasks) {
            if (!state_.tasks.contains(task.parent)) add(id, 0);
        }
        return std::move(lines_);
    }

private:
    // Who is a parent's child, and so on: a damaged trace may have a circle.
    static constexpr int depth_max = 16;

    void add(std::uint32_t id, int depth) {
        const State::Task& task = state_.tasks.at(id);
        std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
        const char* mark = state_.running == id ? "> " : "  ";
        lines_.push_back(fmt::format("{}{}{}: {}", mark, indent, recording_.cast().name(id), doing(id, task)));
        for (std::size_t frame = 1; frame < task.frames.size(); ++frame) {
            lines_.push_back(fmt::format("  {}  {}- {}", indent, std::string(frame - 1, ' '),
                                         recording_.cast().name(task.frames[frame].id)));
        }
        if (depth == depth_max) return;
        for (const auto& [child_id, child] : state_.tasks) {
            if (child.parent == id && child_id != id) add(child_id, depth + 1);
        }
    }

    std::string doing(std::uint32_t id, const State::Task& task) const {
        if (task.suspended) {
            std::string what = task.awaits_future != 0 ? recording_.cast().name(task.awaits_future)
                                                       : std::string(recording_.reader().string(task.awaits_what));
            auto operation = state_.operations.find(task.awaits_operation);
            if (operation != state_.operations.end()) {
                what =
                    fmt::format("{} fd {}", recording_.reader().string(operation->second.call), operation->second.fd);
            }
            unsigned line = recording_.reader().source(task.awaits_at).line;
            return fmt::format("{} {}{}", either(language_, "waits for", "等"), what,
                               line == 0 ? std::string() : fmt::format(" :{}", line));
        }
        if (state_.running == id) return std::string(either(language_, "runs", "在运行"));
        return std::string(ready_.contains(id) ? either(language_, "is ready", "就绪")
                                               : either(language_, "is new", "刚造出"));
    }

    const Recording& recording_;
    const State& state_;
    Language language_;
    std::set<std::uint32_t> ready_;
    std::vector<std::string> lines_;
};

}  // namespace

Panel task_panel(const Recording& recording, const State& state, Language language) {
    return {std::string(either(language, "Tasks", "任务")), Tasks(recording, state, language).lines()};
}

Panel ready_panel(const Recording& recording, const State& state, Language language) {
    Panel panel{fmt::format("{} ({})", either(language, "Ready queue", "就绪队列"), state.ready.size()), {}};
    auto name = [&](std::uint32_t id) {
        std::string place = recording.cast().of(id).role == Role::call
                                ? place_of(recording.reader(), recording.cast().of(id).at)
                                : std::string();
        return recording.cast().name(id) + (place.empty() ? "" : "  " + place);
    };
    if (state.running != 0) panel.lines.push_back(fmt::format("> {}", name(state.running)));
    for (std::uint32_t id : state.ready) panel.lines.push_back("  " + name(id));
    return panel;
}

Panel timer_panel(const Recording& recording, const State& state, std::int64_t now, Language language) {
    Panel panel{fmt::format("{} ({})", either(language, "Timers", "定时器"), state.timers.size()), {}};
    std::vector<std::tuple<std::int64_t, std::uint32_t, std::uint32_t>> in_order;
    for (const auto& [id, timer] : state.timers) in_order.emplace_back(timer.due, timer.order, id);
    std::sort(in_order.begin(), in_order.end());
    for (const auto& [due, order, id] : in_order) {
        std::string_view in = either(language, "in ", "还有 ");
        panel.lines.push_back(fmt::format("  {}: {}{}", recording.cast().name(id), in, duration_text(due - now)));
    }
    return panel;
}

Panel future_panel(const Recording& recording, const State& state, Language language) {
    Panel panel{fmt::format("{} ({})", either(language, "Futures", "Future"), state.futures.size()), {}};
    // The newest first: those are what a person looks at.
    for (auto each = state.futures.rbegin(); each != state.futures.rend(); ++each) {
        std::string place = place_of(recording.reader(), each->second.made_at);
        panel.lines.push_back(fmt::format("  {}: {}{}{}", recording.cast().name(each->first),
                                          word_of_state(each->second.state, language), place.empty() ? "" : "  ",
                                          place));
    }
    return panel;
}

Panel kernel_panel(const Recording& recording, const State& state, Language language) {
    Panel panel{fmt::format("{} ({})", either(language, "Kernel", "内核"), state.operations.size()), {}};
    for (const auto& [id, operation] : state.operations) {
        panel.lines.push_back(fmt::format("  fd {}: {}", operation.fd, recording.reader().string(operation.call)));
    }
    return panel;
}

}  // namespace stepwise::trace
