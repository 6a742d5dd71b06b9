// What nobody caught: to the loop's exception handler, or to stderr.
#include <stepwise/runtime/diagnostics/await_chain.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <fmt/format.h>

#include <cstdio>

namespace stepwise {

namespace {

std::string describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (const CancelledError& cancelled) {
        return cancelled.what();
    } catch (...) {
        return "an exception that is not a std::exception";
    }
}

void report_on_stderr(const std::exception_ptr& error, std::string_view where) noexcept {
    auto length = static_cast<int>(where.size());
    try {
        std::string what = describe(error);
        for (const std::string& line : await_chain(error)) what += "\n  " + line;
        std::fprintf(stderr, "stepwise: %.*s: %s\n", length, where.data(), what.c_str());
    } catch (...) {
        std::fprintf(stderr, "stepwise: %.*s: an error that there is no memory to tell\n", length, where.data());
    }
}

}  // namespace

void Scheduler::throw_wrong_thread(const char* call) {
    std::string where = detail::first_place_of_program(detail::capture_stack());
    throw std::logic_error(
        fmt::format("{} was called from a thread that is not the loop's. "
                    "Only EventLoop::call_soon_threadsafe may be: let it make this call{}",
                    call, where.empty() ? "" : "; called at " + where));
}

void Scheduler::report_lost(std::exception_ptr error, const std::string& where) noexcept {
    if (EventLoop* loop = EventLoop::running()) return loop->call_exception_handler(std::move(error), where);
    report_on_stderr(error, where);
}

void EventLoop::call_exception_handler(std::exception_ptr error, std::string_view where) noexcept {
    if (!exception_handler_) return report_on_stderr(error, where);
    try {
        exception_handler_(error, where);
    } catch (...) {
        report_on_stderr(error, where);
        report_on_stderr(std::current_exception(), "the exception handler, called for that");
    }
}

}  // namespace stepwise
