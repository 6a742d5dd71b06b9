#include <stepwise/runtime/task_group.hpp>

#include <fmt/format.h>

namespace stepwise {

namespace {

std::string text_of(const std::vector<std::exception_ptr>& errors) {
    std::string text = fmt::format("{} of a group's tasks failed:", errors.size());
    for (const std::exception_ptr& error : errors) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& known) {
            text += fmt::format(" {};", known.what());
        } catch (...) {
            text += " not a std::exception;";
        }
    }
    text.pop_back();
    return text;
}

bool is_cancellation(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

TaskGroupError::TaskGroupError(std::vector<std::exception_ptr> all)
    : std::runtime_error(text_of(all)), errors_(std::move(all)) {}

// Its place in the future's list and in the group's; holds the future.
struct TaskGroup::Child : Waiter, frame_pool::Pooled {
    Child(TaskGroup& owner, FutureBase& of, TaskBase& started) noexcept
        : Waiter(&Child::told), group(owner), future(of), task(started) {
        future.retain();
        future.add_waiter(*this);
        next_child = group.children_;
        if (next_child != nullptr) next_child->previous_child = this;
        group.children_ = this;
    }
    ~Child() {
        (previous_child == nullptr ? group.children_ : previous_child->next_child) = next_child;
        if (next_child != nullptr) next_child->previous_child = previous_child;
        future.remove_waiter(*this);
        future.release();
    }
    static void told(Waiter& waiter, FutureBase*) noexcept {
        auto& self = static_cast<Child&>(waiter);
        self.group.child_done(self);
    }

    TaskGroup& group;
    FutureBase& future;
    TaskBase& task;
    Child* next_child = nullptr;
    Child* previous_child = nullptr;
};

// The loop is ending: the tasks are destroyed by it.
TaskGroup::~TaskGroup() {
    while (children_ != nullptr) delete children_;
}

void TaskGroup::add(FutureBase& future, TaskBase& task) {
    new Child(*this, future, task);
    ++running_;
    if (cancelled_) task.request_cancel("its group is cancelled");
}

void TaskGroup::child_done(Child& child) noexcept {
    --running_;
    bool has_failed = child.future.state() == FutureBase::State::exception;
    std::exception_ptr error = has_failed ? child.future.exception() : nullptr;
    delete &child;
    if (error) failed(std::move(error));
    if (running_ == 0 && joining_ && task_.suspended()) task_.wakeup();
}

void TaskGroup::failed(std::exception_ptr error) noexcept {
    errors_.push_back(std::move(error));
    cancel("another task of its group failed");
}

void TaskGroup::cancel(const std::string& reason) {
    if (std::exchange(cancelled_, true)) return;
    if (body_runs_) {
        body_cancelled_ = true;
        task_.request_cancel(reason, scope_);
    }
    for (Child* child = children_; child != nullptr; child = child->next_child) child->task.request_cancel(reason);
}

void TaskGroup::body_ended(std::exception_ptr error) noexcept {
    body_runs_ = false;
    bool by_us = std::exchange(body_cancelled_, false);
    if (by_us) task_.uncancel();
    if (!error) return;
    if (is_cancellation(error)) {
        cancellation_ = by_us ? nullptr : std::move(error);
        cancel();
    } else {
        failed(std::move(error));
    }
}

void TaskGroup::finish() {
    if (errors_.size() == 1) std::rethrow_exception(errors_.front());
    if (!errors_.empty()) throw TaskGroupError(std::move(errors_));
    if (task_.cancel_pending()) task_.throw_cancelled();
    if (cancellation_) std::rethrow_exception(cancellation_);
}

}  // namespace stepwise
