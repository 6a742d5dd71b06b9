// The four states of a Future, and what each of its functions does in each of them: asked, not remembered.
//
// For chapter 12. Every cell of the table is a call on a future that was brought into that state.
// Run:    ./stepwise run future_states [--lang zh|en]
// Try:    ask a Task the same questions. Which of the columns cannot be asked of it?
// Prints: a line for each state: pending, result, exception, cancelled
#include <fmt/core.h>

#include <exception>
#include <stdexcept>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string>
#include <utility>

namespace {

namespace net = stepwise::net;
using stepwise::EventLoop;
using stepwise::Future;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);

using BringThere = void (*)(Future<int>& future);

const std::pair<const char*, BringThere> states[] = {
    {"pending", [](Future<int>&) {}},
    {"result", [](Future<int>& future) { future.set_result(42); }},
    {"exception",
     [](Future<int>& future) { future.set_exception(std::make_exception_ptr(std::runtime_error("no disk"))); }},
    {"cancelled", [](Future<int>& future) { future.cancel(); }},
};

// What the call gives, or the kind of error that it throws.
std::string ask(std::string (*question)(Future<int>& future), Future<int>& future) {
    try {
        return question(future);
    } catch (const stepwise::InvalidStateError&) {
        return "InvalidStateError";
    } catch (const stepwise::CancelledError&) {
        return "CancelledError";
    } catch (const std::exception& error) {
        return error.what();
    }
}

std::string yes_or_no(bool answer) {
    if (options.language == net::Language::chinese) return answer ? "是" : "否";
    return answer ? "yes" : "no";
}

std::string ask_done(Future<int>& future) {
    return yes_or_no(future.done());
}

std::string ask_result(Future<int>& future) {
    return std::to_string(future.result());
}

std::string ask_set_result(Future<int>& future) {
    future.set_result(7);
    return "ok";
}

std::string ask_cancel(Future<int>& future) {
    return yes_or_no(future.cancel());
}

// A new future for each question: asking to cancel, or to set a result, changes what is asked.
std::string cell(EventLoop& loop, BringThere bring_there, std::string (*question)(Future<int>& future)) {
    Future<int> future = loop.create_future<int>();
    bring_there(future);
    std::string answer = ask(question, future);
    if (future.done() && !future.cancelled()) static_cast<void>(future.exception());  // looked at: nothing is lost
    return answer;
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "What a Future answers in each of its four states.");

    EventLoop loop;
    say("状态       done()  result()           set_result(7)      cancel()",
        "state      done()  result()           set_result(7)      cancel()");
    for (const auto& [name, bring_there] : states) {
        fmt::print("{:<10} {:<7} {:<18} {:<18} {}\n", name, cell(loop, bring_there, ask_done),
                   cell(loop, bring_there, ask_result), cell(loop, bring_there, ask_set_result),
                   cell(loop, bring_there, ask_cancel));
    }
}
