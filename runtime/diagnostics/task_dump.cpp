#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/task_dump.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace stepwise {

namespace {

std::string text_of_future(const FutureBase& future) {
    if (const TaskBase* task = future.as_task()) return task->name();
    std::string made = made_at(future.made_at());
    if (!made.empty()) return "a Future " + made;
    // The library's own: what it is for, the function tells that made it.
    return future.made_at().line() == 0 ? "a Future" : "a Future of " + function_name(future.made_at());
}

// nullptr: it has ended, or there never was one.
const TaskBase* task_with(EventLoop& loop, std::uint32_t id) {
    const TaskBase* task = loop.first_task();
    while (task != nullptr && task->id() != id) task = task->next_task();
    return task;
}

std::string text_of_wait(const WaitDescription& wait, EventLoop& loop) {
    std::string text = wait.what;
    for (std::size_t index = 0; index < wait.futures.size(); ++index) {
        if (index == 5) return text + fmt::format(" and {} more", wait.futures.size() - index);
        text += (text.empty() ? "" : ", ") + text_of_future(*wait.futures[index]);
    }
    if (wait.holder_task_id != 0) {
        const TaskBase* holder = task_with(loop, wait.holder_task_id);
        text +=
            holder == nullptr ? " (the task that had it last has ended)" : ", which " + holder->name() + " had last";
    }
    return text.empty() ? "something that does not say what it is" : text;
}

std::string state_of(EventLoop& loop, const TaskBase& task) {
    if (&task == loop.current_task()) return "runs now";
    if (!task.suspended()) return "is ready to run";
    std::string text = "waits for " + text_of_wait(detail::describe_wait_of(task), loop);
    if (loop.debug())
        text += fmt::format(", {:.2f} s so far", std::chrono::duration<double>(loop.waited_for(task)).count());
    return text;
}

std::string text_of_frame(const CallFrame& frame) {
    if (frame.at.line() == 0) return "a coroutine that has not told where it is";
    return fmt::format("{}, in {}", place(frame.at), function_name(frame.at));
}

class Dump {
public:
    explicit Dump(EventLoop& loop) : loop_(loop) {
        for (TaskBase* task = loop.first_task(); task != nullptr; task = task->next_task()) tasks_.insert(task);
    }

    std::string text() {
        text_ = fmt::format("{} task(s)\n", tasks_.size());
        std::set<const TaskBase*> awaited;
        for (const TaskBase* task : tasks_) {
            for (const TaskBase* child : children(*task)) awaited.insert(child);
        }
        for (const TaskBase* task : tasks_) {
            if (!awaited.contains(task)) tell(*task, 0);
        }
        for (const TaskBase* task : tasks_) tell(*task, 0);  // those of a circle
        return std::move(text_);
    }

private:
    struct Older {
        bool operator()(const TaskBase* left, const TaskBase* right) const { return left->id() < right->id(); }
    };

    std::vector<const TaskBase*> children(const TaskBase& task) const {
        std::vector<const TaskBase*> found;
        for (const FutureBase* future : detail::describe_wait_of(task).futures) {
            const TaskBase* child = future->as_task();
            if (child != nullptr && &child->scheduler() == &task.scheduler()) found.push_back(child);
        }
        return found;
    }

    // Nested as deep as tasks wait for tasks; beyond a bound as siblings.
    void tell(const TaskBase& task, int depth) {
        if (!told_.insert(&task).second) return;
        std::string indent(static_cast<std::size_t>(2 * std::min(depth, 20)), ' ');
        text_ += fmt::format("{}{} {}", indent, task.name(), state_of(loop_, task));
        if (std::string made = made_at(task.made_at()); !made.empty()) text_ += "; " + made;
        text_ += '\n';
        int frames = 0;
        for (const CallFrame* frame = task.innermost_frame(); frame != nullptr; frame = frame->parent) {
            if (++frames > 20) {
                text_ += fmt::format("{}    … and those that called these\n", indent);
                break;
            }
            text_ += fmt::format("{}    {}\n", indent, text_of_frame(*frame));
        }
        for (const TaskBase* child : children(task)) tell(*child, depth + 1);
    }

    EventLoop& loop_;
    std::set<const TaskBase*, Older> tasks_;
    std::set<const TaskBase*> told_;
    std::string text_;
};

}  // namespace

WaitDescription detail::describe_wait_of(const TaskBase& task) {
    WaitDescription wait;
    const Suspension* waits = task.waiting_for();
    if (waits != nullptr && waits->wait_kind->describe != nullptr) waits->wait_kind->describe(*waits, wait);
    return wait;
}

std::string detail::one_line(EventLoop& loop, const TaskBase& task) {
    std::string text = task.name() + " " + state_of(loop, task);
    if (task.innermost_frame() != nullptr) text += ", at " + text_of_frame(*task.innermost_frame());
    if (std::string made = made_at(task.made_at()); !made.empty()) text += "; " + made;
    return text;
}

std::string dump_tasks(EventLoop& loop) {
    loop.check_thread("dump_tasks");
    return Dump(loop).text();
}

std::string why_blocked(const TaskBase& task) {
    auto& loop = static_cast<EventLoop&>(task.scheduler());
    loop.check_thread("why_blocked");
    if (task.done()) return task.name() + " is done";
    std::string text;
    std::set<const TaskBase*> told;
    for (const TaskBase* next = &task; next != nullptr && told.insert(next).second;) {
        text += (text.empty() ? "" : "\n  ") + detail::one_line(loop, *next);
        const WaitDescription wait = detail::describe_wait_of(*next);
        const TaskBase* child = task_with(loop, wait.holder_task_id);
        for (const FutureBase* future : wait.futures) {
            if (child == nullptr) child = future->as_task();
        }
        next = child;
    }
    return text;
}

}  // namespace stepwise
