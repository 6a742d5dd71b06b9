#include <stepwise/runtime/diagnostics/await_chain.hpp>
#include <stepwise/runtime/diagnostics/debug_mode.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stepwise {

std::vector<std::string> await_chain(const std::exception_ptr& error) {
    EventLoop* loop = EventLoop::running();
    detail::DebugMode* debug = loop == nullptr ? nullptr : detail::DebugMode::of(*loop);
    return debug == nullptr ? std::vector<std::string>() : debug->await_chains().lines(error, loop->current_task());
}

namespace detail {

void note_failed_frame(const CallFrame& frame, const std::exception_ptr& error) noexcept {
    DebugMode* debug = DebugMode::of(static_cast<EventLoop&>(frame.task->task_scheduler()));
    if (debug == nullptr) return;
    try {
        debug->await_chains().add(frame, error);
    } catch (...) {
        // Without memory for it a report will say less.
    }
}

void AwaitChains::add(const CallFrame& frame, const std::exception_ptr& error) {
    Chain& chain = chain_for(frame, error);
    chain.next = frame.parent;
    if (chain.places.size() < places_max) {
        chain.places.push_back(frame.at);
    } else {
        ++chain.more;
    }
}

AwaitChains::Chain& AwaitChains::chain_for(const CallFrame& frame, const std::exception_ptr& error) {
    const std::size_t count = std::min(begun_, chains_max);
    Chain* ended = nullptr;
    for (std::size_t back = 1; back <= count; ++back) {
        Chain& chain = chains_[(begun_ - back) % chains_max];
        if (chain.error != error) continue;
        if (chain.task_id != frame.task->id()) {
            // Of several, the first: that is where it was thrown.
            if (chain.next == nullptr) ended = &chain;
            continue;
        }
        if (chain.next == &frame) return chain;
        // It was caught, and comes again: a future's that is awaited twice.
        chain.places.resize(std::min(chain.inherited, chain.places.size()));
        chain.more = 0;
        return chain;
    }
    Chain chain;
    chain.error = error;
    chain.task_id = frame.task->id();
    if (ended != nullptr) chain.places = ended->places;
    chain.inherited = chain.places.size();
    return chains_[begun_++ % chains_max] = std::move(chain);
}

std::vector<std::string> AwaitChains::lines(const std::exception_ptr& error, const TaskBase* task) const {
    const Chain* found = nullptr;
    const std::size_t count = std::min(begun_, chains_max);
    for (std::size_t back = 1; back <= count; ++back) {
        const Chain& chain = chains_[(begun_ - back) % chains_max];
        if (error == nullptr || chain.error != error) continue;
        const bool is_here = task != nullptr && chain.task_id == task->id();
        if (found == nullptr || is_here) found = &chain;
        if (is_here) break;
    }
    std::vector<std::string> told;
    if (found == nullptr) return told;
    for (const std::source_location& at : found->places) {
        if (at.line() == 0) continue;
        const bool is_first = told.empty();
        told.push_back(fmt::format("{} {}, in {}{}", is_first ? "at" : "awaited at", place(at), function_name(at),
                                   is_first ? ", or soon after it" : ""));
    }
    if (found->more > 0) told.push_back(fmt::format("and {} more that awaited these", found->more));
    return told;
}

}  // namespace detail

}  // namespace stepwise
