#include <stepwise/runtime/future.hpp>
#include <stepwise/runtime/wait_description.hpp>

namespace stepwise::detail {

const WaitKind FutureWait::await_kind{&FutureWait::cancel_future, &FutureWait::describe, &FutureWait::future_done,
                                      "future", &FutureWait::waited_for};
const WaitKind FutureWait::leave_kind{&FutureWait::leave_future, &FutureWait::describe, &FutureWait::future_done,
                                      "future", &FutureWait::waited_for};

bool FutureWait::refuse() {
    if (!task_->cancel_pending()) throw std::logic_error("a task cannot await itself: " + task_->name());
    interrupt();
    return false;
}

void FutureWait::cancel_future(Suspension& suspension) noexcept {
    static_cast<FutureWait&>(suspension).future_->cancel();
}

void FutureWait::leave_future(Suspension& suspension) noexcept {
    auto& self = static_cast<FutureWait&>(suspension);
    self.interrupt();
    self.task_->wakeup();
}

void FutureWait::describe(const Suspension& suspension, WaitDescription& description) {
    description.waits_for_future(*static_cast<const FutureWait&>(suspension).future_);
}

}  // namespace stepwise::detail
