#include <stepwise/runtime/trace/tools/cast.hpp>

#include <fmt/format.h>

namespace stepwise::trace {

namespace {

// A damaged trace may name any number: one that is not near those before is not kept.
constexpr std::uint32_t ids_max = 1U << 24;

void remove_all(std::string& text, std::string_view what) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
        text.erase(at, what.size());
}

// The first `(` that is in no template's list, and the last blank or `:` before it.
std::string name_before_parameters(std::string_view text) {
    int depth = 0;
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char letter = text[at];
        if (letter == '<') ++depth;
        if (letter == '>') --depth;
        if (depth > 0) continue;
        if (letter == '(') return std::string(text.substr(begin, at - begin));
        if (letter == ' ' || letter == ':' || letter == '*' || letter == '&') begin = at + 1;
    }
    return std::string(text.substr(begin));
}

}  // namespace

std::string short_function(std::string_view pretty) {
    std::string text(pretty);
    remove_all(text, "(anonymous namespace)::");
    remove_all(text, "{anonymous}::");
    std::string name = name_before_parameters(text);
    if (std::size_t parameters = name.find('<'); parameters != std::string::npos && parameters > 0) {
        name.resize(parameters);
    }
    return name;
}

std::string place_of(const Reader& reader, std::uint32_t at) {
    Source source = reader.source(at);
    if (source.line == 0) return {};
    return fmt::format("{}:{}", source.file.substr(source.file.find_last_of('/') + 1), source.line);
}

Person& Cast::row(std::uint32_t id, Role role) {
    static thread_local Person nobody;
    if (id == 0 || id > ids_max) return nobody = Person{};
    if (people_.size() <= id) people_.resize(id + std::size_t{1});
    if (people_[id].role == Role::unknown) people_[id].role = role;
    return people_[id];
}

const Person& Cast::of(std::uint32_t id) const noexcept {
    static const Person nobody;
    return id < people_.size() ? people_[id] : nobody;
}

void Cast::learn(const Reader& reader, const Record& event) {
    switch (event.kind) {
        case Kind::task_new: {
            Person& task = row(event.id, Role::task);
            task.role = Role::task;
            task.number = event.other;
            task.at = event.at;
            if (event.b != 0) task.name = reader.string(static_cast<std::uint64_t>(event.b));
            break;
        }
        case Kind::task_name:
            row(event.id, Role::task).name = reader.string(static_cast<std::uint64_t>(event.a));
            break;
        case Kind::frame_call: {
            Person& frame = row(event.id, Role::frame);
            frame.at = event.at;
            frame.task = static_cast<std::uint32_t>(event.a);
            frame.function = short_function(reader.source(event.at).function);
            std::string function = frame.function;
            if (event.other == 0) row(static_cast<std::uint32_t>(event.a), Role::task).function = function;
            break;
        }
        case Kind::future_new:
            row(event.id, Role::future).at = event.at;
            break;
        case Kind::ready_push:
            row(event.id, Role::call).at = event.at;
            break;
        case Kind::timer_add:
            row(event.id, Role::timer).at = event.at;
            break;
        case Kind::watch:
        case Kind::sqe:
        case Kind::bytes:
            row(event.id, Role::other).fd = static_cast<std::int32_t>(event.other);
            break;
        default:
            break;
    }
}

std::string Cast::name(std::uint32_t id) const {
    const Person& person = of(id);
    switch (person.role) {
        case Role::task:
            if (!person.name.empty()) return person.name;
            return person.function.empty() ? fmt::format("Task-{}", person.number)
                                           : fmt::format("Task-{} {}", person.number, person.function);
        case Role::future:
            return fmt::format("Future #{}", id);
        case Role::call:
            return fmt::format("Call #{}", id);
        case Role::timer:
            return fmt::format("Timer #{}", id);
        case Role::frame:
            return person.function.empty() ? fmt::format("Frame #{}", id) : person.function;
        default:
            return fmt::format("#{}", id);
    }
}

}  // namespace stepwise::trace
