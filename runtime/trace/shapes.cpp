#include <stepwise/runtime/trace/shapes.hpp>

#include <array>
#include <span>

namespace stepwise::trace {

namespace {

constexpr auto shapes = std::to_array<Shape>({
    {.name = "nothing", .group = "meta"},
    {.name = "string", .group = "meta", .a = {"bytes", Meaning::number}},
    {.name = "source",
     .group = "meta",
     .other = {"line", Meaning::number},
     .a = {"file", Meaning::string},
     .b = {"function", Meaning::string}},
    {.name = "turn.begin", .group = "loop", .a = {"turn", Meaning::number}},
    {.name = "turn.end", .group = "loop", .a = {"turn", Meaning::number}},
    {.name = "phase", .group = "loop", .detail = {"phase", Meaning::phase}},
    {.name = "select.enter", .group = "loop", .a = {"timeout", Meaning::nanoseconds}},
    {.name = "select.exit", .group = "loop", .a = {"n", Meaning::number}},
    {.name = "wake", .group = "loop", .detail = {"source", Meaning::wake_source}},
    {.name = "ready.push", .group = "handle", .detail = {"of", Meaning::handle_of}},
    {.name = "run.begin", .group = "handle"},
    {.name = "run.end", .group = "handle"},
    {.name = "cancel", .group = "handle"},
    {.name = "timer.add",
     .group = "timer",
     .other = {"order", Meaning::number},
     .a = {"due", Meaning::nanoseconds},
     .b = {"of", Meaning::object}},
    {.name = "timer.fire", .group = "timer"},
    {.name = "timer.cancel", .group = "timer"},
    {.name = "watch", .group = "io", .other = {"fd", Meaning::number}, .a = {"mask", Meaning::number}},
    {.name = "unwatch", .group = "io", .other = {"fd", Meaning::number}},
    {.name = "ready", .group = "io", .other = {"fd", Meaning::number}, .a = {"mask", Meaning::number}},
    {.name = "sqe",
     .group = "io",
     .other = {"fd", Meaning::number},
     .a = {"call", Meaning::string},
     .b = {"bytes", Meaning::number}},
    {.name = "cqe", .group = "io", .other = {"fd", Meaning::number}, .a = {"res", Meaning::number}},
    {.name = "future.new", .group = "future"},
    {.name = "callback.add", .group = "future"},
    {.name = "future.done", .group = "future", .detail = {"state", Meaning::future_state}},
    {.name = "retrieved", .group = "future"},
    {.name = "drop", .group = "future"},
    {.name = "task.new",
     .group = "task",
     .other = {"number", Meaning::number},
     .a = {"parent", Meaning::object},
     .b = {"name", Meaning::string}},
    {.name = "task.name", .group = "task", .a = {"name", Meaning::string}},
    {.name = "step.begin", .group = "task"},
    {.name = "step.end", .group = "task", .detail = {"how", Meaning::step_end}},
    {.name = "await",
     .group = "task",
     .other = {"what", Meaning::string},
     .a = {"future", Meaning::object},
     .b = {"operation", Meaning::object}},
    {.name = "wakeup", .group = "task"},
    {.name = "cancel.req", .group = "task"},
    {.name = "task.done", .group = "task", .detail = {"state", Meaning::future_state}},
    {.name = "frame.call", .group = "frame", .other = {"parent", Meaning::object}, .a = {"task", Meaning::object}},
    {.name = "frame.return", .group = "frame", .detail = {"how", Meaning::frame_end}, .a = {"task", Meaning::object}},
    {.name = "job.submit", .group = "thread"},
    {.name = "job.start", .group = "thread"},
    {.name = "job.end", .group = "thread"},
    {.name = "threadsafe.push", .group = "thread"},
    {.name = "bytes",
     .group = "net",
     .detail = {"out", Meaning::boolean},
     .other = {"fd", Meaning::number},
     .a = {"n", Meaning::number}},
    {.name = "pause",
     .group = "net",
     .detail = {"out", Meaning::boolean},
     .other = {"fd", Meaning::number},
     .a = {"queued", Meaning::number}},
    {.name = "resume",
     .group = "net",
     .detail = {"out", Meaning::boolean},
     .other = {"fd", Meaning::number},
     .a = {"queued", Meaning::number}},
    {.name = "ws.frame",
     .group = "net",
     .detail = {"out", Meaning::boolean},
     .other = {"op", Meaning::number},
     .a = {"n", Meaning::number},
     .b = {"fin", Meaning::number}},
    {.name = "ws.close", .group = "net", .detail = {"out", Meaning::boolean}, .a = {"code", Meaning::number}},
    {.name = "lint.raise", .group = "lint", .a = {"rule", Meaning::string}, .b = {"cause", Meaning::string}},
    {.name = "snap", .group = "meta", .other = {"objects", Meaning::number}, .a = {"hash", Meaning::hash}},
    {.name = "dropped", .group = "meta", .a = {"n", Meaning::number}},
    {.name = "keyframe.begin", .group = "meta"},
    {.name = "keyframe.end", .group = "meta"},
    {.name = "payload", .group = "meta", .a = {"text", Meaning::string}},
    {.name = "note", .group = "meta", .a = {"text", Meaning::string}},
    {.name = "held", .group = "meta", .detail = {"over", Meaning::boolean}, .a = {"ns", Meaning::nanoseconds}},
    {.name = "loop.end", .group = "meta"},
});
static_assert(shapes.size() == static_cast<std::size_t>(Kind::kinds));

constexpr auto phases = std::to_array<std::string_view>({"flush", "poll", "arrivals", "timers", "run"});
constexpr auto handles = std::to_array<std::string_view>({"call", "task", "before_poll"});
constexpr auto step_ends = std::to_array<std::string_view>({"suspended", "yielded", "returned"});
constexpr auto frame_ends = std::to_array<std::string_view>({"returned", "destroyed"});
constexpr auto states = std::to_array<std::string_view>({"pending", "result", "exception", "cancelled"});
constexpr auto wake_sources = std::to_array<std::string_view>({"thread", "signal"});

std::span<const std::string_view> words_of(Meaning meaning) noexcept {
    switch (meaning) {
        case Meaning::phase:
            return phases;
        case Meaning::handle_of:
            return handles;
        case Meaning::step_end:
            return step_ends;
        case Meaning::frame_end:
            return frame_ends;
        case Meaning::future_state:
            return states;
        case Meaning::wake_source:
            return wake_sources;
        default:
            return {};
    }
}

}  // namespace

const Shape& shape_of(Kind kind) noexcept {
    auto index = static_cast<std::size_t>(kind);
    return shapes[index < shapes.size() ? index : 0];
}

std::string_view name_of(Kind kind) noexcept {
    return shape_of(kind).name;
}

std::string_view word_of(Meaning meaning, std::uint64_t value) noexcept {
    std::span<const std::string_view> words = words_of(meaning);
    return value < words.size() ? words[value] : std::string_view();
}

}  // namespace stepwise::trace
