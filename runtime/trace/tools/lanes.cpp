// In which lane an event stands.
#include <stepwise/runtime/trace/shapes.hpp>
#include <stepwise/runtime/trace/tools/sequence.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace stepwise::trace {

namespace {

constexpr auto group_names = std::to_array<std::string_view>({"peers", "kernel", "loop", "tasks", "threads"});
static_assert(group_names.size() == lane_groups);

// The next of several between commas. False: there is none.
bool take_name(std::string_view& names, std::string_view& name) noexcept {
    if (names.empty()) return false;
    std::size_t end = std::min(names.find(','), names.size());
    name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    return true;
}

}  // namespace

bool choose_lanes(std::string_view names, Wanted& wanted) noexcept {
    for (bool& lane : wanted.lanes) lane = false;
    for (std::string_view name; take_name(names, name);) {
        auto found = std::find(group_names.begin(), group_names.end(), name);
        if (found == group_names.end()) return false;
        wanted.lanes[static_cast<std::size_t>(found - group_names.begin())] = true;
    }
    return true;
}

bool hide_kinds(std::string_view names, Wanted& wanted) noexcept {
    for (std::string_view name; take_name(names, name);) {
        bool found = false;
        for (std::size_t kind = 0; kind < static_cast<std::size_t>(Kind::kinds); ++kind) {
            const Shape& shape = shape_of(static_cast<Kind>(kind));
            if (shape.name != name && shape.group != name) continue;
            wanted.hidden[kind] = found = true;
        }
        if (!found) return false;
    }
    return true;
}

Lane Lanes::of(const Record& event) const noexcept {
    if (event.thread != 0) return {LaneOf::threads, event.thread, {}};
    switch (event.kind) {
        case Kind::task_new:
        case Kind::task_name:
        case Kind::step_begin:
        case Kind::step_end:
        case Kind::await:
        case Kind::wakeup:
        case Kind::cancel_request:
        case Kind::task_done:
            return {LaneOf::tasks, event.id, {}};
        case Kind::frame_call:
        case Kind::frame_return:
            return {LaneOf::tasks, static_cast<std::uint32_t>(event.a), {}};
        case Kind::select_enter:
        case Kind::watch:
        case Kind::unwatch:
        case Kind::ready:
        case Kind::sqe:
        case Kind::cqe:
            return {LaneOf::kernel, 0, {}};
        case Kind::bytes:
            return {LaneOf::peers, event.other, {}};
        case Kind::callback_add:
        case Kind::future_new:
        case Kind::future_done:
        case Kind::future_retrieved:
        case Kind::future_drop:
        case Kind::job_submit:
        case Kind::pause:
        case Kind::resume:
        case Kind::ws_frame:
        case Kind::ws_close:
        case Kind::lint_raise:
        case Kind::payload:
        case Kind::note:
            return of_cause(event);
        default:
            return {};
    }
}

Lane Lanes::of_cause(const Record& event) const noexcept {
    const Record* cause = recording_.find(event.by);
    for (int far = 0; cause != nullptr && far < 64; ++far, cause = recording_.find(cause->by)) {
        if (cause->thread != 0) return {LaneOf::threads, cause->thread, {}};
        if (cause->kind == Kind::step_begin) return {LaneOf::tasks, cause->id, {}};
        if (cause->kind == Kind::run_begin || cause->kind == Kind::turn_begin) return {};
        if (cause->kind == Kind::cqe || cause->kind == Kind::ready) return {LaneOf::kernel, 0, {}};
    }
    return {};
}

std::string Lanes::name(const Lane& lane, Language language) const {
    bool english = language == Language::english;
    switch (lane.of) {
        case LaneOf::tasks:
            return recording_.cast().name(lane.id);
        case LaneOf::threads:
            return english ? fmt::format("thread {}", lane.id) : fmt::format("线程 {}", lane.id);
        case LaneOf::peers:
            return english ? fmt::format("peer (fd {})", lane.id) : fmt::format("对方 (fd {})", lane.id);
        case LaneOf::kernel:
            return english ? fmt::format("kernel ({})", recording_.reader().header().reactor)
                           : fmt::format("内核 ({})", recording_.reader().header().reactor);
        case LaneOf::loop:
            break;
    }
    return english ? "loop" : "循环";
}

}  // namespace stepwise::trace
