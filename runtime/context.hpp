// ContextVar: a value that belongs to a task and is inherited by the tasks that it starts: a request's id, for a log
// line ten calls below, without handing it through.
//
//     ContextVar<std::string> request_id("none");
//     request_id.set("17");          // for this task, and those that it starts from here on
//     log(request_id.get());
//
// A child has its parent's values as of its creation; what either sets later is its own. Outside of a task there is the
// default. The variable must outlive the tasks that have a value of it. The loop's thread.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace stepwise {

namespace detail {

// The values of one task; shared with its children while nobody sets anything.
class Context {
public:
    const void* find(const void* variable) const noexcept;
    // In place where the task has its context alone, in a copy where not.
    static void set(TaskBase& task, const void* variable, std::shared_ptr<const void> value);

private:
    std::vector<std::pair<const void*, std::shared_ptr<const void>>> values_;
};

// Of the task that runs on this thread; throws std::logic_error where none does.
TaskBase& task_for_context();
const void* find_in_current_context(const void* variable) noexcept;

}  // namespace detail

template <class T>
class ContextVar {
public:
    explicit ContextVar(T otherwise = T()) : otherwise_(std::move(otherwise)) {}
    ContextVar(const ContextVar&) = delete;
    ContextVar& operator=(const ContextVar&) = delete;

    // Good until this task sets it anew.
    const T& get() const noexcept {
        const void* found = detail::find_in_current_context(this);
        return found == nullptr ? otherwise_ : *static_cast<const T*>(found);
    }
    // std::logic_error outside of a task.
    void set(T value) {
        detail::Context::set(detail::task_for_context(), this, std::make_shared<const T>(std::move(value)));
    }

private:
    T otherwise_;
};

}  // namespace stepwise
