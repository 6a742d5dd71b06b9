#include <stepwise/runtime/diagnostics/deadlock.hpp>
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/wait_description.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <unordered_map>
#include <vector>

namespace stepwise {

namespace {

constexpr std::size_t tasks_told_max = 10;

// Who waits for whom, in time that grows with the number of tasks: there may be a hundred thousand of them.
class Waits {
public:
    explicit Waits(const EventLoop& loop) {
        for (const TaskBase* task = loop.first_task(); task != nullptr; task = task->next_task()) {
            by_id_.emplace(task->id(), task);
        }
    }

    // Depth first; the first circle that is met.
    std::vector<const TaskBase*> find_cycle(const TaskBase* newest) {
        for (const TaskBase* start = newest; start != nullptr; start = start->next_task()) {
            if (!is_on_path_.contains(start)) enter(*start);
            while (!path_.empty()) {
                if (path_.back().left.empty()) {
                    is_on_path_[path_.back().task] = false;
                    path_.pop_back();
                    continue;
                }
                const TaskBase* next = path_.back().left.back();
                path_.back().left.pop_back();
                auto seen = is_on_path_.find(next);
                if (seen == is_on_path_.end()) {
                    enter(*next);
                } else if (seen->second) {
                    return path_from(next);
                }
            }
        }
        return {};
    }

private:
    struct Step {
        const TaskBase* task;
        std::vector<const TaskBase*> left;  // whom it waits for and who was not followed yet
    };

    void enter(const TaskBase& task) {
        is_on_path_[&task] = true;
        path_.push_back({&task, waited_for(task)});
    }
    // The tasks whose end, or whose release of what they hold, this one waits for.
    std::vector<const TaskBase*> waited_for(const TaskBase& task) const {
        WaitDescription wait = detail::describe_wait_of(task);
        std::vector<const TaskBase*> tasks;
        for (const FutureBase* future : wait.futures) {
            if (const TaskBase* other = future->as_task()) tasks.push_back(other);
        }
        auto holder = by_id_.find(wait.holder_task_id);
        if (holder != by_id_.end()) tasks.push_back(holder->second);
        return tasks;
    }
    std::vector<const TaskBase*> path_from(const TaskBase* first) const {
        std::vector<const TaskBase*> cycle;
        for (const Step& step : path_) {
            if (!cycle.empty() || step.task == first) cycle.push_back(step.task);
        }
        return cycle;
    }

    std::unordered_map<std::uint32_t, const TaskBase*> by_id_;
    std::unordered_map<const TaskBase*, bool> is_on_path_;  // of those that were seen
    std::vector<Step> path_;
};

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
    int threads = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
        std::string name;
        std::getline(std::ifstream(thread.path() / "comm"), name);
        if (!name.starts_with("iou-")) ++threads;
    }
    return !error && threads - quiet_threads == 1;
}

Lint detail::deadlock_lint(EventLoop& loop, bool certain) {
    Lint lint{Lint::Rule::deadlock, {}, {}, {}};
    std::vector<const TaskBase*> cycle = Waits(loop).find_cycle(loop.first_task());
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
