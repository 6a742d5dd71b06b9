#include <stepwise/runtime/future.hpp>

namespace stepwise::detail {

bool FutureWait::wait_in(TaskBase& task) {
    if (task.cancel_pending()) {
        interrupted_ = true;
        return false;
    }
    if (future_->done()) return task.finished_at_once();
    if (future_->as_task() == &task) throw std::logic_error("a task cannot await itself: " + task.name());
    task_ = &task;
    future_->add_waiter(*this);
    task.suspend(*this);
    return true;
}

}  // namespace stepwise::detail
