#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/wait_description.hpp>

#include <fmt/format.h>

#include <algorithm>

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

// Without memory for the reason, without the reason.
void ask_to_cancel(TaskBase& task, const std::string& reason, const CancelShield* within = nullptr) {
    try {
        task.request_cancel(reason, within);
    } catch (const std::bad_alloc&) {
        task.request_cancel({}, within);
    }
}

const std::string group_is_cancelled = "its group is cancelled";
const std::string another_one_failed = "another task of its group failed";

}  // namespace

TaskGroupError::TaskGroupError(std::vector<std::exception_ptr> all)
    : std::runtime_error(text_of(all)), errors_(std::move(all)) {}

// Its place in the future's list and in the group's; holds the future.
struct TaskGroup::Child : Waiter, frame_pool::Pooled {
    Child(TaskGroup& owner, FutureBase& of, TaskBase& started) noexcept
        : Waiter(kind), group(owner), future(of), task(started) {
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

    static constexpr WaitKind kind{.told = &Child::told};

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

const WaitKind TaskGroup::Join::kind{&Join::cancel_group, &Join::describe, nullptr, "task group"};

void TaskGroup::Join::describe(const Suspension& suspension, WaitDescription& description) {
    const TaskGroup& group = static_cast<const Join&>(suspension).group_;
    for (const Child* child = group.children_; child != nullptr; child = child->next_child) {
        description.waits_for_future(child->future);
    }
}

void TaskGroup::add(FutureBase& future, TaskBase& task) {
    try {
        new Child(*this, future, task);
    } catch (...) {
        task.request_cancel();  // it never begins, outside of the group
        throw;
    }
    ++running_;
    if (cancelled_) ask_to_cancel(task, group_is_cancelled);
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
    // Who awaits a child is thrown what the child ended with: that is one error, not two.
    const bool is_known = error == first_error_ || std::count(later_errors_.begin(), later_errors_.end(), error) != 0;
    if (!first_error_) {
        first_error_ = std::move(error);
    } else if (!is_known) {
        try {
            later_errors_.push_back(error);
        } catch (const std::bad_alloc&) {
            report(std::move(error));
        }
    }
    cancel(another_one_failed);
}

void TaskGroup::report(std::exception_ptr error) noexcept {
    loop_.call_exception_handler(std::move(error), "a task of a group that had no memory to keep its error");
}

void TaskGroup::cancel(const std::string& reason) {
    if (std::exchange(cancelled_, true)) return;
    if (body_runs_) {
        body_cancelled_ = true;
        ask_to_cancel(task_, reason, scope_);
    }
    for (Child* child = children_; child != nullptr; child = child->next_child) ask_to_cancel(child->task, reason);
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
    if (!later_errors_.empty()) {
        try {
            std::vector<std::exception_ptr> all;
            all.reserve(1 + later_errors_.size());
            all.push_back(first_error_);
            all.insert(all.end(), later_errors_.begin(), later_errors_.end());
            throw TaskGroupError(std::move(all));
        } catch (const std::bad_alloc&) {
            for (std::exception_ptr& error : later_errors_) report(std::move(error));
        }
    }
    if (first_error_) std::rethrow_exception(first_error_);
    if (task_.cancel_pending()) task_.throw_cancelled_on();
    if (cancellation_) std::rethrow_exception(cancellation_);
}

}  // namespace stepwise
