#include <stepwise/runtime/diagnostics/deadlock.hpp>
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/wait_description.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace stepwise {

namespace {

constexpr std::size_t tasks_told_max = 10;

// The tasks whose end, or whose release of what they hold, this one waits for.
std::vector<const TaskBase*> waited_for(EventLoop& loop, const TaskBase& task) {
    WaitDescription wait = detail::describe_wait_of(task);
    std::vector<const TaskBase*> tasks;
    for (const FutureBase* future : wait.futures) {
        if (const TaskBase* other = future->as_task()) tasks.push_back(other);
    }
    if (wait.holder_task_id == 0) return tasks;
    for (const TaskBase* other = loop.first_task(); other != nullptr; other = other->next_task()) {
        if (other->id() == wait.holder_task_id) tasks.push_back(other);
    }
    return tasks;
}

// From `task` on, depth first; `path` is how one came there. The first cycle that is met.
std::vector<const TaskBase*> find_cycle(EventLoop& loop) {
    std::vector<const TaskBase*> seen;
    for (const TaskBase* start = loop.first_task(); start != nullptr; start = start->next_task()) {
        std::vector<std::pair<const TaskBase*, std::vector<const TaskBase*>>> path;  // each with what is left to follow
        auto enter = [&](const TaskBase* task) {
            seen.push_back(task);
            path.emplace_back(task, waited_for(loop, *task));
        };
        if (std::find(seen.begin(), seen.end(), start) != seen.end()) continue;
        enter(start);
        while (!path.empty()) {
            auto& left = path.back().second;
            if (left.empty()) {
                path.pop_back();
                continue;
            }
            const TaskBase* next = left.back();
            left.pop_back();
            auto on_path =
                std::find_if(path.begin(), path.end(), [&](const auto& entry) { return entry.first == next; });
            if (on_path != path.end()) {
                std::vector<const TaskBase*> cycle;
                for (; on_path != path.end(); ++on_path) cycle.push_back(on_path->first);
                return cycle;
            }
            if (std::find(seen.begin(), seen.end(), next) == seen.end()) enter(next);
        }
    }
    return {};
}

std::vector<std::string> told(EventLoop& loop) {
    std::vector<std::string> lines;
    for (const TaskBase* task = loop.first_task(); task != nullptr; task = task->next_task()) {
        if (lines.size() == tasks_told_max) {
            lines.push_back(fmt::format("and {} more", loop.task_count() - tasks_told_max));
            break;
        }
        lines.push_back(detail::one_line(loop, *task));
    }
    return lines;
}

}  // namespace

bool detail::is_only_thread() {
    std::error_code error;
    int others = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
        std::string name;
        std::getline(std::ifstream(thread.path() / "comm"), name);
        if (!name.starts_with("iou-") && name != "stepwise-pool" && name != "stepwise-watch") ++others;
    }
    return !error && others == 1;
}

Lint detail::deadlock_lint(EventLoop& loop, bool certain) {
    Lint lint{Lint::Rule::deadlock, {}, {}, {}};
    std::vector<const TaskBase*> cycle = find_cycle(loop);
    if (cycle.empty()) {
        lint.cause =
            fmt::format("{} task(s) wait, and no timer, descriptor, signal or thread of this loop could wake one",
                        loop.task_count());
        lint.details = told(loop);
        lint.cure = "see who was to set what they wait for: keep that alive, or give the wait a timeout(…)";
    } else {
        lint.cause = fmt::format("{} task(s) wait for each other in a circle", cycle.size());
        for (const TaskBase* task : cycle) lint.details.push_back(one_line(loop, *task));
        lint.cure = "break the circle: take locks in one order everywhere, or give one of the waits a timeout(…)";
    }
    if (!certain) {
        lint.cause = "perhaps: " + lint.cause;
        lint.details.push_back("(this program has other threads or signal handlers, which may still wake them)");
    }
    return lint;
}

void report_destroyed_pending(EventLoop& loop) noexcept {
    raise_made(Lint::Rule::destroyed_pending, [&] {
        return Lint{Lint::Rule::destroyed_pending,
                    fmt::format("the loop ended before {} of its tasks did: they are destroyed where they wait, and "
                                "their futures are cancelled",
                                loop.task_count()),
                    told(loop), "await the tasks, or call cancel_all_tasks() before the loop ends, as run() does"};
    });
}

}  // namespace stepwise
