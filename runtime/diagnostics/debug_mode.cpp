#include <stepwise/runtime/diagnostics/debug_mode.hpp>
#include <stepwise/runtime/diagnostics/frame_sites.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stall_watch.hpp>
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>

namespace stepwise::detail {

namespace {

constexpr std::size_t stack_lines_max = 12;

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// From the program's first own frame inwards and outwards: the runtime's below it are the same in every report.
std::vector<std::string> stack_lines(std::span<void* const> stack) {
    std::vector<std::string> lines;
    for (const StackFrame& frame : symbolize(stack)) {
        if (frame.function.find("StallWatch::on_signal") != std::string::npos || frame.function == "__restore_rt") {
            lines.clear();  // what the sampling itself has put there
            continue;
        }
        if (frame.function.starts_with("stepwise::TaskBase::step") || lines.size() == stack_lines_max) break;
        lines.push_back("during it: " + text_of(frame));
    }
    return lines;
}

Lint blocked(const std::string& who, const std::string& how_long, std::span<void* const> stack) {
    Lint lint{Lint::Rule::blocked_step, fmt::format("{} {}: nothing else could run", who, how_long), stack_lines(stack),
              "await instead (sleep, io::…, a Stream), or move the call to a thread: co_await to_thread(function)"};
    if (lint.details.empty()) {
        lint.details.push_back("(no sample of its stack: it ended too soon, or this program handles SIGURG itself)");
    }
    return lint;
}

std::uint32_t current_task_id(void* loop) {
    const TaskBase* task = static_cast<EventLoop*>(loop)->current_task();
    return task == nullptr ? 0 : task->id();
}

std::string who(std::uint32_t task_id) {
    return task_id == 0 ? std::string("a callback") : fmt::format("Task-{}", task_id);
}

}  // namespace

bool loop_debugs(const EventLoop* loop) noexcept {
    return loop != nullptr && loop->debug();
}

DebugMode::DebugMode(EventLoop& loop, Duration step_max, Duration turn_max)
    : loop_(loop),
      step_max_(step_max),
      turn_max_(turn_max),
      began_(std::chrono::steady_clock::now()),
      watch_(step_max, &current_task_id, &loop, [](const StallWatch::Sample& sample) {
          raise(blocked(who(sample.task_id), "has kept the loop for a second, and still does", sample.stack()));
      }) {
    begin_frame_sites();
}

DebugMode::~DebugMode() {
    end_frame_sites();
}

void DebugMode::take_signals() {
    struct sigaction now {};
    if (::sigaction(SIGUSR1, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
    loop_.add_signal_handler(SIGUSR1, [this] { std::fputs(dump_tasks(loop_).c_str(), stderr); });
    has_dump_signal_ = true;
}

std::uint32_t DebugMode::milliseconds() const noexcept {
    auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
    return static_cast<std::uint32_t>(elapsed.count());
}

Duration DebugMode::since(std::uint32_t turn_ms) const noexcept {
    return std::chrono::milliseconds(milliseconds() - turn_ms);
}

void DebugMode::run_watched(ReadyNode* node) noexcept {
    loop_.turn_ms_ = milliseconds();
    TimePoint began = std::chrono::steady_clock::now();
    TimePoint before = began;
    Duration longest{};
    int handles = 0;
    while (node != nullptr) {
        ReadyNode& now = *node;
        node = std::exchange(now.next, nullptr);
        watch_.begin(before);
        run_one(now);
        const StallWatch::Sample* sample = watch_.end();
        TimePoint after = std::chrono::steady_clock::now();
        Duration lasted = after - before;
        if (lasted > step_max_) report_step(lasted, sample);
        longest = std::max(longest, lasted);
        before = std::chrono::steady_clock::now();
        ++handles;
    }
    // One that is too long has been told of; this is about many.
    if (before - began > turn_max_ && longest <= step_max_) report_turn(before - began, handles);
}

void DebugMode::run_one(ReadyNode& node) noexcept {
    try {
        node.run(node);
    } catch (...) {
        loop_.call_exception_handler(std::current_exception(), "a callback");
    }
}

void DebugMode::report_step(Duration lasted, const StallWatch::Sample* sample) noexcept {
    try {
        std::string name = sample == nullptr ? std::string("a task or a callback") : who(sample->task_id);
        for (const TaskBase* task = loop_.first_task(); sample != nullptr && task != nullptr;
             task = task->next_task()) {
            if (task->id() == sample->task_id) name = task->name();
        }
        raise(blocked(name, fmt::format("has kept the loop for {:.3f} s", seconds(lasted)),
                      sample == nullptr ? std::span<void* const>() : sample->stack()));
    } catch (...) {
        // Without memory for it nothing is told.
    }
}

void DebugMode::report_turn(Duration lasted, int handles) noexcept {
    try {
        raise(Lint{
            Lint::Rule::long_turn,
            fmt::format("one turn of the loop took {:.3f} s for {} handles: timers and sockets waited for all of "
                        "them",
                        seconds(lasted), handles),
            {},
            "do less between two awaits, start fewer tasks at a time (a Semaphore), or use more loops (LoopGroup)"});
    } catch (...) {
    }
}

}  // namespace stepwise::detail
