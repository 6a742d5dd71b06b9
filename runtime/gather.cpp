#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/wait_description.hpp>

namespace stepwise::detail {

const WaitKind GatherChild::kind{.told = &GatherWait::child_done};
const WaitKind GatherWait::gather_kind{&GatherWait::cancel_children, &GatherWait::describe, nullptr, "gather"};
const WaitKind GatherWait::leave_kind{&GatherWait::leave_wait, &GatherWait::describe, nullptr, "wait"};

bool GatherWait::wait_for_children(std::source_location where) noexcept {
    if (over_ || running_ == 0) return task_->finished_at_once();
    task_->suspend(*this, where);
    return true;
}

void GatherWait::child_done(Waiter& waiter, FutureBase* future) noexcept {
    GatherWait& self = static_cast<GatherChild&>(waiter).gather;
    --self.running_;
    bool over = self.count_done(*future) || self.running_ == 0;
    // It may wait for something else: an await that could not start all of its children has thrown.
    if (over && self.task_->waiting_for() == &self) self.task_->wakeup();
}

void GatherWait::leave_wait(Suspension& suspension) noexcept {
    auto& self = static_cast<GatherWait&>(suspension);
    self.interrupted_ = true;
    self.leave_children();
    self.task_->wakeup();
}

void GatherWait::cancel_children(Suspension& suspension) noexcept {
    auto& self = static_cast<GatherWait&>(suspension);
    self.interrupted_ = true;
    for (GatherChild& child : self.children()) {
        if (child.linked()) child.future.cancel();
    }
}

void GatherWait::describe(const Suspension& suspension, WaitDescription& description) {
    for (const GatherChild& child : static_cast<const GatherWait&>(suspension).children()) {
        if (!child.future.done()) description.waits_for_future(child.future);
    }
}

void GatherWait::check() {
    // Every child has ended, or none was started. Results are dropped, as the waiter's own cancellation says.
    check_cancelled();
    if (failed_ != nullptr) {
        leave_children();
        failed_->check_result();
    }
}

void GatherWait::leave_children() noexcept {
    if (running_ == 0) return;
    for (GatherChild& child : children()) child.future.remove_waiter(child);
    running_ = 0;
}

void GatherWait::end_children() noexcept {
    leave_children();
    for (GatherChild& child : children()) child.~GatherChild();
    end_ = children_;
}

}  // namespace stepwise::detail
