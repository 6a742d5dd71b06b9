// Who is who in a trace: what each numbered object is, and what people call it.
//
// Learns from the events as they come, and never forgets: a number is given once. One thread.
#pragma once

#include <stepwise/runtime/trace/reader.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace stepwise::trace {

enum class Role : std::uint8_t { unknown, task, future, call, timer, frame, other };

struct Person {
    Role role = Role::unknown;
    std::uint32_t number = 0;  // a task's own, as in "Task-3"
    std::uint32_t at = 0;      // where it was made, or the line of a frame
    std::uint32_t task = 0;    // of a frame
    std::int32_t fd = -1;
    std::string name;      // what the program calls it
    std::string function;  // a frame's, or that of a task's first frame
};

class Cast {
public:
    void learn(const Reader& reader, const Record& event);

    const Person& of(std::uint32_t id) const noexcept;
    // "Task-2 request_a", "the fetcher", "Future #8", "Call #11"; "#9" for what was never told.
    std::string name(std::uint32_t id) const;

private:
    Person& row(std::uint32_t id, Role role);

    std::vector<Person> people_;
};

// "stepwise::Coro<void> {anonymous}::request_a(std::string)" gives "request_a".
std::string short_function(std::string_view pretty);
// "08_coroutine.cpp:41", or nothing.
std::string place_of(const Reader& reader, std::uint32_t at);

}  // namespace stepwise::trace
