#include <stepwise/runtime/future.hpp>

namespace stepwise::detail {

bool FutureWait::wait_in(TaskBase& task) {
    task_ = &task;
    if (task.cancel_pending()) {
        interrupted_ = true;
        return false;
    }
    if (future_->done()) return task.finished_at_once();
    if (future_->as_task() == &task) throw std::logic_error("a task cannot await itself: " + task.name());
    future_->add_waiter(*this);
    task.suspend(*this);
    return true;
}

void FutureWait::leave_future(Suspension& suspension) noexcept {
    auto& self = static_cast<FutureWait&>(suspension);
    self.interrupted_ = true;
    self.future_->remove_waiter(self);
    self.task_->wakeup();
}

}  // namespace stepwise::detail
