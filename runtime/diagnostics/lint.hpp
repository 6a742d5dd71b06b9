// Lint: a mistake in a program that the runtime has seen happen, told with its cause, its place and its cure (law 6).
//
//     set_lint_handler([&](const Lint& lint) { log(text_of(lint)); });
//
// Always on: never_awaited, swallowed_cancellation, destroyed_pending, unanswered_request, a certain deadlock. In debug
// mode (EventLoop::Options::debug, STEPWISE_DEBUG=1) also: blocked_step, long_turn, a possible deadlock,
// no_backpressure, and where a Coro that is never awaited was made. What is not certain says "perhaps".
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

namespace stepwise {

class TaskBase;

struct Lint {
    enum class Rule : std::uint8_t {
        blocked_step,
        long_turn,
        never_awaited,
        swallowed_cancellation,
        destroyed_pending,
        deadlock,
        no_backpressure,
        unanswered_request,
    };

    Rule rule;
    std::string cause;                 // one sentence
    std::vector<std::string> details;  // "made at server.cpp:12", a stack, a cycle: one line each
    std::string cure;
};

// "never-awaited": the rule's name, and its section of the pitfalls page.
const char* name_of(Lint::Rule rule) noexcept;
// The report as it is printed: cause, details, cure, where to read on. Ends without a newline.
std::string text_of(const Lint& lint);

// Gets every lint of the process, on the thread that found it, which may be one of the runtime's own; must not throw.
// nullptr: back to stderr. Returns the one before. Any thread.
using LintHandler = std::function<void(const Lint&)>;
LintHandler set_lint_handler(LintHandler handler);

// For the runtime's parts.
void raise(const Lint& lint) noexcept;
namespace detail {
void tell_without_more(Lint::Rule rule) noexcept;
}
// Raises what `make()` gives. Where there is no memory to make it, a line on stderr names the rule.
template <class Make>
void raise_made(Lint::Rule rule, Make make) noexcept {
    try {
        raise(make());
    } catch (...) {
        detail::tell_without_more(rule);
    }
}
// "server.cpp:12"; empty where nothing is known.
std::string place(const std::source_location& where);
// "made at server.cpp:12"; empty where nothing is known, and for what the runtime has made itself.
std::string made_at(const std::source_location& where);
// "serve()", of a coroutine too.
std::string function_name(const std::source_location& where);
void report_swallowed_cancellation(const TaskBase& task) noexcept;

}  // namespace stepwise
