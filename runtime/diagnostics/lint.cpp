#include <stepwise/runtime/diagnostics/frame_sites.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <mutex>

namespace stepwise {

namespace {

std::mutex handler_mutex;
LintHandler handler;

}  // namespace

const char* name_of(Lint::Rule rule) noexcept {
    switch (rule) {
        case Lint::Rule::blocked_step:
            return "blocked-step";
        case Lint::Rule::long_turn:
            return "long-turn";
        case Lint::Rule::never_awaited:
            return "never-awaited";
        case Lint::Rule::swallowed_cancellation:
            return "swallowed-cancellation";
        case Lint::Rule::destroyed_pending:
            return "destroyed-pending";
        case Lint::Rule::deadlock:
            return "deadlock";
        case Lint::Rule::no_backpressure:
            return "no-backpressure";
    }
    return "";
}

std::string text_of(const Lint& lint) {
    std::string text = fmt::format("stepwise: {}: {}", name_of(lint.rule), lint.cause);
    for (const std::string& detail : lint.details) text += "\n  " + detail;
    text += "\n  cure: " + lint.cure;
    text += fmt::format("\n  more: tutorial/en/pitfalls.md#{}", name_of(lint.rule));
    return text;
}

LintHandler set_lint_handler(LintHandler new_handler) {
    std::lock_guard lock(handler_mutex);
    return std::exchange(handler, std::move(new_handler));
}

void raise(const Lint& lint) noexcept {
    try {
        LintHandler current;
        {
            std::lock_guard lock(handler_mutex);
            current = handler;
        }
        if (current) return current(lint);
        std::fprintf(stderr, "%s\n", text_of(lint).c_str());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "stepwise: %s, and to tell more failed: %s\n", name_of(lint.rule), error.what());
    }
}

std::string place(const std::source_location& where) {
    return where.line() == 0 ? std::string() : fmt::format("{}:{}", where.file_name(), where.line());
}

// g++ tells a coroutine's body as "void f(f(int)::_Z….Frame*)"; this is "f(int)".
std::string function_name(const std::source_location& where) {
    std::string_view name = where.function_name();
    auto end = name.rfind("::_Z");
    if (!name.ends_with(".Frame*)") || end == name.npos) return std::string(name);
    name = name.substr(name.starts_with("void ") ? 5 : 0, end - (name.starts_with("void ") ? 5 : 0));
    for (auto open = name.find('('); open != name.npos; open = name.find('(', open + 1)) {
        std::string_view outer = name.substr(0, open);
        std::string_view inner = name.substr(open + 1);
        std::string_view inner_name = inner.substr(0, inner.find('('));
        if (!inner_name.empty() && outer.ends_with(inner_name)) {
            return std::string(outer) + std::string(inner.substr(inner_name.size()));
        }
    }
    return std::string(name);
}

void report_swallowed_cancellation(const TaskBase& task) noexcept {
    const CallFrame* frame = task.innermost_frame();
    Lint lint{
        Lint::Rule::swallowed_cancellation,
        fmt::format("{} was asked to stop, caught the CancelledError that its await threw, and awaits again",
                    task.name()),
        {},
        "let CancelledError pass (catch std::exception, not ...), run cleanup that awaits in finally(body, cleanup), "
        "or call uncancel() if the task is to go on"};
    if (frame != nullptr && frame->at.line() != 0) {
        lint.details.push_back(
            fmt::format("in {}, at the await of {} or soon after it", function_name(frame->at), place(frame->at)));
    }
    if (std::string made = place(task.made_at()); !made.empty()) lint.details.push_back("the task was made at " + made);
    raise(lint);
}

namespace detail {

namespace {

// "serve" of "Coro<void> demo::serve(int)".
std::string short_name(const std::source_location& where) {
    std::string name = function_name(where);
    name = name.substr(0, name.find('(', name.starts_with('(') ? 1 : 0));
    auto begin = name.find_last_of(": ");
    return name.substr(begin == name.npos ? 0 : begin + 1);
}

}  // namespace

void report_never_awaited(const CallFrame& promise, std::coroutine_handle<> frame) noexcept {
    // What is unwound was not forgotten: the exception tells why it never came to its await. Nor was what a loop that
    // ends had been given.
    std::vector<void*> made = take_frame_site(frame.address());
    EventLoop* loop = EventLoop::running();
    if (std::uncaught_exceptions() > 0 || (loop != nullptr && loop->discarding())) return;
    Lint lint{Lint::Rule::never_awaited,
              fmt::format("the coroutine {} was dropped before it began, so nothing in it has run",
                          function_name(promise.at)),
              {},
              "co_await what it returns, or give it to create_task, start_soon or gather"};
    bool knows_birth = !made.empty();
    if (!knows_birth) made = capture_stack();
    std::string site = first_place_of_program(made, knows_birth ? short_name(promise.at) : std::string());
    if (!site.empty()) lint.details.push_back((knows_birth ? "made at " : "dropped at ") + site);
    lint.details.push_back("its code is in " + std::string(promise.at.file_name()));
    if (!knows_birth && !loop_debugs(loop))
        lint.details.push_back("with STEPWISE_DEBUG=1 this tells where it was made, too");
    raise(lint);
}

}  // namespace detail

}  // namespace stepwise
