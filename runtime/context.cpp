#include <stepwise/runtime/context.hpp>

#include <algorithm>

namespace stepwise::detail {

namespace {

TaskBase* current_task() noexcept {
    EventLoop* loop = EventLoop::running();
    return loop == nullptr ? nullptr : loop->current_task();
}

}  // namespace

const void* Context::find(const void* variable) const noexcept {
    auto found =
        std::find_if(values_.begin(), values_.end(), [=](const auto& value) { return value.first == variable; });
    return found == values_.end() ? nullptr : found->second.get();
}

void Context::set(TaskBase& task, const void* variable, std::shared_ptr<const void> value) {
    std::shared_ptr<Context> context = task.context();
    if (context == nullptr) {
        task.set_context(context = std::make_shared<Context>());
    } else if (context.use_count() > 2) {  // the task's, this one's, and another task's
        task.set_context(context = std::make_shared<Context>(*context));
    }
    auto& values = context->values_;
    auto found = std::find_if(values.begin(), values.end(), [=](const auto& old) { return old.first == variable; });
    if (found == values.end()) {
        values.emplace_back(variable, std::move(value));
    } else {
        found->second = std::move(value);
    }
}

TaskBase& task_for_context() {
    TaskBase* task = current_task();
    if (task == nullptr) throw std::logic_error("ContextVar::set: no task runs on this thread");
    return *task;
}

const void* find_in_current_context(const void* variable) noexcept {
    TaskBase* task = current_task();
    return task == nullptr || task->context() == nullptr ? nullptr : task->context()->find(variable);
}

}  // namespace stepwise::detail
