#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/wait_description.hpp>

namespace stepwise::detail {

GatherChildren::GatherChildren(std::size_t count)
    : children_(std::allocator<GatherChild>().allocate(count)), count_(count) {
    for (std::size_t index = 0; index < count; ++index) {
        std::construct_at(children_ + index);
    }
}

GatherChildren::~GatherChildren() {
    static_assert(std::is_trivially_destructible_v<GatherChild>);
    if (children_ != nullptr) std::allocator<GatherChild>().deallocate(children_, count_);
}

const WaitKind GatherChild::kind{.told = &GatherWait::child_done};
const WaitKind GatherWait::gather_kind{&GatherWait::cancel_children, &GatherWait::describe, nullptr, "gather"};
const WaitKind GatherWait::leave_kind{&GatherWait::leave_wait, &GatherWait::describe, nullptr, "wait"};

bool GatherWait::wait_for(TaskBase& task, std::span<GatherChild> children, std::source_location where) {
    children_ = children;
    bool over = children.empty();
    for (GatherChild& child : children) {
        child.gather = this;
        if (child.future->done()) {
            over |= count_done(child.future);
        } else {
            child.future->add_waiter(child);
            ++running_;
        }
    }
    if (over || running_ == 0) return task.finished_at_once();
    task.suspend(*this, where);
    return true;
}

// Whether the wait is over with this one.
bool GatherWait::count_done(FutureBase* future) noexcept {
    bool failed = future->state() != FutureBase::State::result;
    if (failed && failed_ == nullptr) failed_ = future;
    return until_ == WaitFor::first_completed || (until_ == WaitFor::first_exception && failed && !interrupted_);
}

void GatherWait::child_done(Waiter& waiter, FutureBase* future) noexcept {
    auto& child = static_cast<GatherChild&>(waiter);
    GatherWait& self = *child.gather;
    --self.running_;
    bool over = self.count_done(future) || self.running_ == 0;
    if (over && self.task_->suspended()) self.task_->wakeup();
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
    for (GatherChild& child : self.children_) {
        if (child.linked()) child.future->cancel();
    }
}

void GatherWait::describe(const Suspension& suspension, WaitDescription& description) {
    for (const GatherChild& child : static_cast<const GatherWait&>(suspension).children_) {
        if (!child.future->done()) description.waits_for_future(*child.future);
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
    for (GatherChild& child : children_) child.future->remove_waiter(child);
    children_ = {};
}

}  // namespace stepwise::detail
