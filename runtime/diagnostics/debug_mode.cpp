#include <stepwise/runtime/diagnostics/debug_mode.hpp>
#include <stepwise/runtime/diagnostics/frame_sites.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stall_watch.hpp>
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/signals.hpp>

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <vector>

namespace stepwise::detail {

namespace {

constexpr std::size_t stack_lines_max = 12;

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// The program's own frames, innermost first, and before them what they called. How the loop came there is the same in
// every report.
std::vector<std::string> stack_lines(std::span<void* const> stack) {
    std::vector<std::string> lines;
    std::string called;
    for (const StackFrame& frame : symbolize(stack)) {
        if (frame.of == StackFrame::Of::program) {
            if (lines.empty() && !called.empty()) lines.push_back("in " + called);
            lines.push_back((lines.empty() ? "at " : "called at ") + text_of(frame));
        } else if (!lines.empty() && frame.of == StackFrame::Of::runtime) {
            break;
        } else {
            called = frame.function;
        }
        if (lines.size() == stack_lines_max) break;
    }
    return lines;
}

Lint blocked(const std::string& who, const std::string& how_long, std::span<void* const> stack) {
    Lint lint{Lint::Rule::blocked_step, fmt::format("{} {}: nothing else could run", who, how_long), stack_lines(stack),
              "await instead (sleep, io::…, a Stream), or move the call to a thread: co_await to_thread(function)"};
    if (stack.empty()) {
        lint.details.push_back("(no sample of its stack: it ended too soon, or this program handles SIGURG itself)");
    } else if (lint.details.empty()) {
        lint.details.push_back("(its stack shows no line of the program: build it with -g)");
    }
    return lint;
}

std::mutex debugged_mutex;
std::vector<DebugMode*> debugged;  // of all threads

// False: that loop is another simulation's, or there is no memory.
template <class Function>
bool post(EventLoop& loop, Function function) noexcept {
    try {
        loop.call_soon_threadsafe(function);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

// A task that runs is held by its loop; the sample holds it until it has been told of.
TaskBase* current_task(void* loop) {
    TaskBase* task = static_cast<EventLoop*>(loop)->current_task();
    if (task != nullptr) task->retain();
    return task;
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
      watch_(step_max, &current_task, &loop, [](const StallWatch::Sample& sample) {
          raise_made(Lint::Rule::blocked_step, [&] {
              // The name is the loop's thread's to read.
              std::string who = sample.task == nullptr ? "a callback" : fmt::format("Task-{}", sample.task->id());
              return blocked(who, "has kept the loop for two seconds, and still does", sample.stack());
          });
      }) {
    begin_frame_sites();
}

DebugMode::~DebugMode() {
    {
        std::lock_guard lock(debugged_mutex);
        std::erase(debugged, this);
    }
    end_frame_sites();
}

DebugMode* DebugMode::of(EventLoop& loop) noexcept {
    return loop.debug_.get();
}

void DebugMode::begin_dumps() {
    {
        std::lock_guard lock(debugged_mutex);
        debugged.push_back(this);
    }
    take_dump_signal();
}

void DebugMode::take_dump_signal() {
    struct sigaction now {};
    if (::sigaction(SIGUSR1, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
    try {
        loop_.signals_->add(SIGUSR1, [this] { dump_all(); });
        has_dump_signal_ = true;
    } catch (const std::logic_error&) {
        // Another thread's loop was a moment faster, and will dump this one's tasks, too.
    }
}

// While the mutex is held no loop that is posted to can end.
void DebugMode::dump_all() {
    std::fputs(dump_tasks(loop_).c_str(), stderr);
    std::lock_guard lock(debugged_mutex);
    for (DebugMode* other : debugged) {
        if (other != this) post(other->loop_, [other] { std::fputs(dump_tasks(other->loop_).c_str(), stderr); });
    }
}

void DebugMode::end_dumps() noexcept {
    if (!has_dump_signal_) return;
    loop_.signals_->remove(SIGUSR1);
    has_dump_signal_ = false;
    std::lock_guard lock(debugged_mutex);
    for (DebugMode* heir : debugged) {
        if (heir != this && post(heir->loop_, [heir] { heir->take_dump_signal(); })) return;
    }
}

void DebugMode::signal_taken(int number) noexcept {
    if (number == SIGUSR1) has_dump_signal_ = false;
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
    Duration told_before = Telling::spent();
    Duration longest{};
    int handles = 0;
    while (node != nullptr) {
        ReadyNode& now = *node;
        node = std::exchange(now.next, nullptr);
        watch_.begin(before);
        loop_.run_one(now);
        const StallWatch::Sample* sample = watch_.end();
        TimePoint after = std::chrono::steady_clock::now();
        Duration lasted = after - before - (Telling::spent() - told_before);
        if (lasted > step_max_) report_step(lasted, sample);
        if (sample != nullptr && sample->task != nullptr) sample->task->release();
        longest = std::max(longest, lasted);
        // What telling has taken is nobody's time.
        began += Telling::spent() - told_before;
        told_before = Telling::spent();
        before = std::chrono::steady_clock::now();
        ++handles;
    }
    // One that is too long has been told of; this is about many.
    if (before - began > turn_max_ && longest <= step_max_) report_turn(before - began, handles);
}

void DebugMode::report_step(Duration lasted, const StallWatch::Sample* sample) noexcept {
    raise_made(Lint::Rule::blocked_step, [&] {
        std::string name = "a callback";
        if (sample == nullptr) name = "a task or a callback";
        if (sample != nullptr && sample->task != nullptr) name = sample->task->name();
        return blocked(name, fmt::format("has kept the loop for {:.3f} s", seconds(lasted)),
                       sample == nullptr ? std::span<void* const>() : sample->stack());
    });
}

void DebugMode::report_turn(Duration lasted, int handles) noexcept {
    raise_made(Lint::Rule::long_turn, [&] {
        return Lint{Lint::Rule::long_turn,
                    fmt::format("one turn of the loop took {:.3f} s for {} handles: timers and sockets waited for all "
                                "of them",
                                seconds(lasted), handles),
                    {},
                    "let fewer run in one turn: await between two pieces (sleep(0s)), a Semaphore held across it; or "
                    "more loops (LoopGroup)"};
    });
}

}  // namespace stepwise::detail
