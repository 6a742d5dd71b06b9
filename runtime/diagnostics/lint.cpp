#include <stepwise/runtime/diagnostics/frame_sites.hpp>
#include <stepwise/runtime/diagnostics/function_name.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/trace/trace.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <mutex>

namespace stepwise {

namespace {

constexpr std::size_t frames_told_max = 10;

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
        case Lint::Rule::unanswered_request:
            return "unanswered-request";
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
    detail::Telling telling;
    if (trace::any()) trace::linted(name_of(lint.rule), lint.cause);
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
    return where.line() == 0 ? std::string()
                             : fmt::format("{}:{}", detail::short_path(where.file_name()), where.line());
}

std::string made_at(const std::source_location& where) {
    std::string_view file = where.file_name();
    for (std::string_view folder : {"stepwise/runtime/", "stepwise/net/", "stepwise/ws/"}) {
        if (file.find(folder) != file.npos) return {};
    }
    return where.line() == 0 ? std::string() : "made at " + place(where);
}

std::string function_name(const std::source_location& where) {
    return detail::plain_function_name(where.function_name());
}

namespace {

Lint swallowed_cancellation(const TaskBase& task) {
    const CallFrame* frame = task.innermost_frame();
    Lint lint{
        Lint::Rule::swallowed_cancellation,
        fmt::format("{} was asked to stop, caught the CancelledError that its await threw, and awaits again",
                    task.name()),
        {},
        "let CancelledError pass (catch std::exception, not ...), run cleanup that awaits in finally(body, cleanup), "
        "or call uncancel() if the task is to go on"};
    for (const char* how = "at"; frame != nullptr && lint.details.size() < frames_told_max; frame = frame->parent) {
        if (frame->at.line() == 0) continue;
        bool is_first = lint.details.empty();
        lint.details.push_back(fmt::format("{} {}, in {}{}", how, place(frame->at), function_name(frame->at),
                                           is_first ? ", or soon after it" : ""));
        how = "called at";
    }
    if (std::string made = made_at(task.made_at()); !made.empty()) lint.details.push_back("the task was " + made);
    return lint;
}

// `made`: the stack when the frame was, if that is known.
Lint never_awaited(const CallFrame& promise, std::vector<void*> made) {
    Lint lint{Lint::Rule::never_awaited,
              fmt::format("the coroutine {} was dropped before it began, so nothing in it has run",
                          function_name(promise.at)),
              {},
              "co_await what it returns, or give it to create_task, start_soon or gather"};
    bool knows_birth = !made.empty();
    if (!knows_birth) made = detail::capture_stack();
    // The innermost frame of its making is the coroutine's own, before its body.
    std::string site = detail::first_place_of_program(made, knows_birth ? function_name(promise.at) : std::string());
    if (!site.empty()) lint.details.push_back((knows_birth ? "made at " : "dropped at ") + site);
    lint.details.push_back("its code is in " + detail::short_path(promise.at.file_name()));
    if (!knows_birth && !detail::loop_debugs(EventLoop::running()))
        lint.details.push_back("with STEPWISE_DEBUG=1 this tells where it was made, too");
    return lint;
}

}  // namespace

void report_swallowed_cancellation(const TaskBase& task) noexcept {
    raise_made(Lint::Rule::swallowed_cancellation, [&] { return swallowed_cancellation(task); });
}

namespace detail {

void tell_without_more(Lint::Rule rule) noexcept {
    std::fprintf(stderr, "stepwise: %s, and there is no memory to tell more\n", name_of(rule));
}

void report_never_awaited(const CallFrame& promise, std::coroutine_handle<> frame) noexcept {
    // What is unwound was not forgotten: the exception tells why it never came to its await. Nor was what a loop that
    // ends had been given.
    EventLoop* loop = EventLoop::running();
    if (std::uncaught_exceptions() > 0 || (loop != nullptr && loop->discarding())) return;
    raise_made(Lint::Rule::never_awaited, [&] { return never_awaited(promise, take_frame_site(frame.address())); });
}

}  // namespace detail

}  // namespace stepwise
