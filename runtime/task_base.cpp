#include <stepwise/runtime/task_base.hpp>

#include <cassert>
#include <utility>

namespace stepwise {

void TaskBase::start(CallFrame& root) noexcept {
    leaf_ = &root;
    id_ = ++scheduler_->tasks_made_;
    if (const TaskBase* maker = scheduler_->current_task_) context_ = maker->context_;
    next_task_ = scheduler_->tasks_;
    if (next_task_ != nullptr) next_task_->previous_task_ = this;
    scheduler_->tasks_ = this;
    scheduler_->push_ready(*this);
}

TaskBase::~TaskBase() {
    assert(waiting_for_ == nullptr);
}

void TaskBase::destroy_frames() noexcept {
    // First: what ends in a frame may ask this task to cancel, and the awaiter is gone by then.
    root_done_ = true;
    waiting_for_ = nullptr;
    while (CallFrame* frame = leaf_) {
        leaf_ = frame->parent;
        std::exchange(frame->owner->frame, nullptr).destroy();
    }
}

void TaskBase::leave_queues() noexcept {
    (previous_task_ == nullptr ? scheduler_->tasks_ : previous_task_->next_task_) = next_task_;
    if (next_task_ != nullptr) next_task_->previous_task_ = previous_task_;
    next_task_ = previous_task_ = nullptr;
}

std::string TaskBase::name() const {
    return name_ ? *name_ : "Task-" + std::to_string(id_);
}

bool TaskBase::request_cancel(std::string reason, const CancelShield* within) {
    scheduler_->check_thread("Task::cancel");
    if (root_done_) return false;
    if (!reason.empty() && !cancel_reason_) cancel_reason_ = std::make_unique<std::string>(std::move(reason));
    if (shield_ == within) {
        if (++cancelling_ == 1) interrupt_wait();
        return true;
    }
    CancelShield* holder = shield_;
    while (holder->outer_ != within) holder = holder->outer_;
    ++holder->held_back_;
    return true;
}

void TaskBase::interrupt_wait() noexcept {
    if (waiting_for_ != nullptr) waiting_for_->cancel(*waiting_for_);
}

int TaskBase::cancelling_in_all() const noexcept {
    int count = cancelling_;
    for (const CancelShield* shield = shield_; shield != nullptr; shield = shield->outer_) count += shield->held_back_;
    return count;
}

CancelledError TaskBase::cancelled_error() const {
    return cancel_reason_ ? CancelledError(*cancel_reason_) : CancelledError();
}

int TaskBase::uncancel() noexcept {
    if (cancelling_ > 0) --cancelling_;
    if (cancelling_ == 0 && shield_ == nullptr) cancel_reason_.reset();
    return cancelling_;
}

bool TaskBase::finished_at_once() noexcept {
    if (--budget_ > 0) return false;
    scheduler_->push_ready(*this);
    return true;
}

//[ wakeup
void TaskBase::wakeup() noexcept {
    assert(waiting_for_ != nullptr && "a task is woken once for each time it suspends");
    waiting_for_ = nullptr;
    scheduler_->push_ready(*this);
}
//]

void TaskBase::run_step(ReadyNode& node) noexcept {
    static_cast<TaskBase&>(node).step();
}

void TaskBase::step() noexcept {
    if (scheduler_->discarding_) return;  // the loop destroys its tasks itself
    if (!started_) {
        started_ = true;
        if (cancel_pending()) return finish_unstarted();
    }
    //[ step
    TaskBase* outer = std::exchange(scheduler_->current_task_, this);
    budget_ = awaits_per_step_max;
    next_frame_ = leaf_;
    do {
        leaf_ = std::exchange(next_frame_, nullptr);
        leaf_->owner->frame.resume();
    } while (next_frame_ != nullptr && --budget_ > 0);
    scheduler_->current_task_ = outer;
    if (next_frame_ != nullptr) {
        leaf_ = std::exchange(next_frame_, nullptr);
        scheduler_->push_ready(*this);
    } else if (root_done_) {
        finish_root();
    }
    //]
}

}  // namespace stepwise
