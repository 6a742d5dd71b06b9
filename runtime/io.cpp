#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/planted.hpp>
#include <stepwise/runtime/wait_description.hpp>

namespace stepwise {

namespace {

EventLoop& loop_of(TaskBase& task) noexcept {
    return static_cast<EventLoop&>(task.task_scheduler());
}

}  // namespace

const WaitKind IoAwaiter::io_kind{&IoAwaiter::cancel_io,   &IoAwaiter::describe, nullptr, "io", nullptr,
                                  &IoAwaiter::operation_of};

bool IoAwaiter::start(TaskBase& task, std::source_location where) {
    task_ = &task;
    if (task.cancel_pending()) {
        interrupted_ = true;
        result = -ECANCELED;
        return false;
    }
    if (loop_of(task).reactor().submit(*this)) return task.finished_at_once();
    task.suspend(*this, where);
    return true;
}

void IoAwaiter::cancel_io(Suspension& suspension) noexcept {
    auto& self = static_cast<IoAwaiter&>(suspension);
    self.interrupted_ = true;
    if (planted("missing_cancel")) return;
    loop_of(*self.task_).reactor().cancel(self);
}

void IoAwaiter::describe(const Suspension& suspension, WaitDescription& description) {
    const auto& self = static_cast<const IoAwaiter&>(suspension);
    description.waits_for_descriptor(name_of(static_cast<const Operation&>(self).kind), self.fd);
}

void IoAwaiter::abandon() noexcept {
    loop_of(*task_).reactor().abandon(*this);
}

void IoAwaiter::throw_failure() const {
    if (result == -ECANCELED && interrupted_) task_->throw_cancelled();
    throw_system_error(-result, name_of(Operation::kind));
}

}  // namespace stepwise
