#include <stepwise/runtime/gather.hpp>

namespace stepwise::detail {

bool GatherWait::wait_for(TaskBase& task, std::span<GatherChild> children) {
    children_ = children;
    for (GatherChild& child : children) {
        child.gather = this;
        child.future->add_waiter(child);
    }
    running_ = children.size();
    if (running_ == 0) return task.finished_at_once();
    task.suspend(*this);
    return true;
}

void GatherWait::child_done(Waiter& waiter, FutureBase* future) noexcept {
    auto& child = static_cast<GatherChild&>(waiter);
    GatherWait& self = *child.gather;
    --self.running_;
    bool failed = future->state() != FutureBase::State::result;
    if (failed && self.failed_ == nullptr) self.failed_ = future;
    bool over = self.running_ == 0 || (failed && !self.interrupted_);
    if (over && self.task_->suspended()) self.task_->wakeup();
}

void GatherWait::cancel_children(Suspension& suspension) noexcept {
    auto& self = static_cast<GatherWait&>(suspension);
    self.interrupted_ = true;
    for (GatherChild& child : self.children_) {
        if (child.linked()) child.future->cancel();
    }
}

void GatherWait::check() {
    if (interrupted_) {
        // Every child has ended, or none was started. Results are dropped, as the waiter's own cancellation says.
        task_->throw_cancelled();
    }
    if (failed_ != nullptr) {
        leave_children();
        failed_->check_result();
    }
}

void GatherWait::leave_children() noexcept {
    for (GatherChild& child : children_) child.future->remove_waiter(child);
    children_ = {};
}

}  // namespace stepwise::detail
