#include <stepwise/runtime/io.hpp>

namespace stepwise {

namespace {

EventLoop& loop_of(TaskBase& task) noexcept {
    return static_cast<EventLoop&>(task.task_scheduler());
}

}  // namespace

bool IoAwaiter::start(TaskBase& task) {
    task_ = &task;
    if (task.cancel_pending()) {
        interrupted_ = true;
        result = -ECANCELED;
        return false;
    }
    if (loop_of(task).reactor().submit(*this)) return task.finished_at_once();
    task.suspend(*this);
    return true;
}

void IoAwaiter::cancel_io(Suspension& suspension) noexcept {
    auto& self = static_cast<IoAwaiter&>(suspension);
    self.interrupted_ = true;
    loop_of(*self.task_).reactor().cancel(self);
}

void IoAwaiter::abandon() noexcept {
    loop_of(*task_).reactor().abandon(*this);
}

void IoAwaiter::throw_failure() const {
    if (result == -ECANCELED && interrupted_) task_->throw_cancelled();
    throw_system_error(-result, name_of(kind));
}

}  // namespace stepwise
