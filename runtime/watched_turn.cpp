// A turn that is told of: to debug mode, to the trace, or to both, and a loop in which nothing can go on any more. The
// plain turn stands in event_loop.cpp.
#include <stepwise/runtime/diagnostics/deadlock.hpp>
#include <stepwise/runtime/diagnostics/debug_mode.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/signals.hpp>

namespace stepwise {

void EventLoop::watched_turn(bool may_block) {
    auto begins = [this](trace::Phase phase) {
        if (tracer() != nullptr) trace::phase(*tracer_, phase);
    };
    if (tracer() != nullptr) trace::turn_begin(*tracer_);
    begins(trace::Phase::flush);
    if (asked_.flush) flush();
    begins(trace::Phase::poll);
    if (ready_.empty() && may_block && !asked_.end) {
        wait_for_something();
    } else if (asked_.poll) {
        poll_without_waiting();
    }
    begins(trace::Phase::arrivals);
    if (arrived_.load(std::memory_order_relaxed)) take_arrivals();
    begins(trace::Phase::timers);
    if (asked_.timers) fire_timers();
    begins(trace::Phase::run);
    run_watched(ready_.take_all());
    if (tracer() != nullptr) trace::turn_end(*tracer_);
}

void EventLoop::run_watched(ReadyNode* node) noexcept {
    if (debug_) return debug_->run_watched(node);
    while (node != nullptr) {
        if (tracer() != nullptr) trace::between(*tracer_, *node);
        ReadyNode& now = *node;
        node = std::exchange(now.next, nullptr);
        run_one(now);
    }
}

void EventLoop::run_one(ReadyNode& node) noexcept {
    try {
        if (tracer() != nullptr) {
            trace::run(*tracer_, node);
        } else {
            node.run(node);
        }
    } catch (...) {
        call_exception_handler(std::current_exception(), "a callback");
    }
}

void EventLoop::take_threadsafe() noexcept {
    ReadyQueue taken;
    threadsafe_.take_into(taken);
    if (tracer() != nullptr) trace::take_foreign(*tracer_);
    while (ReadyNode* node = taken.pop()) Scheduler::push_ready(*node);
}

// Every wait for the kernel goes through here.
void EventLoop::poll(std::optional<Duration> timeout) {
    // Out of line, so that a loop that is not traced jumps to its reactor.
    const auto told_wait = [this](std::optional<Duration> time) __attribute__((noinline, cold)) {
        trace::select_enter(*tracer_, time ? time->count() : -1);
        reactor_->wait(time);
        trace::select_exit(*tracer_);
    };
    if (tracer() != nullptr) [[unlikely]]
        return told_wait(timeout);
    reactor_->wait(timeout);
}

// Nothing is pending, and tasks wait.
void EventLoop::find_deadlock() {
    quiet_at_ = tasks_made_;
    bool certain = signals_->size() == (debug_ && debug_->has_dump_signal() ? 1 : 0) && detail::is_only_thread();
    if (!certain && !debug_) return;
    raise_made(Lint::Rule::deadlock, [&] { return detail::deadlock_lint(*this, certain); });
    deadlocked_ = certain;
    asked_.end |= certain;
}

Duration EventLoop::waited_for(const TaskBase& task) noexcept {
    return debug_ ? debug_->since(task.since_ms()) : Duration::zero();
}

bool EventLoop::cancel_before_poll(ReadyNode& node) noexcept {
    if (!before_poll_.remove(node) && !flushing_.remove(node)) return false;
    if (tracer() != nullptr) trace::handle_cancelled(*tracer_, node);
    return true;
}

}  // namespace stepwise
