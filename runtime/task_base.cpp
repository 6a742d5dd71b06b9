#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/task_base.hpp>

#include <fmt/format.h>

#include <cassert>
#include <limits>
#include <utility>

namespace stepwise {

struct detail::TaskExtras : frame_pool::Pooled {
    std::string name;
    std::string cancel_reason;
    std::shared_ptr<Context> context;
};

detail::TaskExtras& TaskBase::extras() {
    if (extras_ == nullptr) extras_ = new detail::TaskExtras;
    return *extras_;
}

namespace {

// Where there is no memory for its name it has none.
std::string name_of(const TaskBase& task) noexcept {
    try {
        return task.name();
    } catch (const std::bad_alloc&) {
        return "a task";
    }
}

}  // namespace

void TaskBase::end_rest() noexcept {
    if (unretrieved()) report_unretrieved(name_of(*this));
    delete extras_;
    FutureBase::end_rest();
}

std::string TaskBase::name() const {
    return extras_ != nullptr && !extras_->name.empty() ? extras_->name : "Task-" + std::to_string(id_);
}

void TaskBase::set_name(std::string name) {
    extras().name = std::move(name);
    if (scheduler().tracer() != nullptr) trace::task_named(*scheduler().tracer(), *this, extras_->name.c_str());
}

std::string TaskBase::cancel_reason() const {
    return extras_ == nullptr ? std::string() : extras_->cancel_reason;
}

std::shared_ptr<detail::Context> TaskBase::context() const noexcept {
    return extras_ == nullptr ? nullptr : extras_->context;
}

void TaskBase::set_context(std::shared_ptr<detail::Context> context) {
    extras().context = std::move(context);
}

void TaskBase::inherit() {
    if (inherits_nothing(scheduler())) return;
    const TaskBase& maker = *scheduler().current_task_;
    if (maker.extras_->context != nullptr) extras().context = maker.extras_->context;
}

void TaskBase::tell_suspended() noexcept {
    since_ms_ = scheduler().turn_ms_;
    if (scheduler().tracer() != nullptr) trace::awaits(*scheduler().tracer(), *this);
}

void TaskBase::start(Start when) noexcept {
    if (scheduler().tracer() != nullptr) {
        set_traced();
        trace::task_made(*scheduler().tracer(), *this);
    }
    if (when == Start::soon || scheduler().eager_depth_ == eager_depth_max) {
        scheduler().push_ready(*this);
    } else {
        run_inside();
    }
}

bool TaskBase::queue_again() noexcept {
    scheduler().push_ready(*this);
    return true;
}

// A step inside of the step, or the callback, that makes the task.
void TaskBase::run_inside() noexcept {
    Scheduler& loop = scheduler();
    TaskBase* outer = loop.current_task_;
    CallFrame* next_frame = loop.next_frame_;
    int budget = loop.budget_;
    ++loop.eager_depth_;
    run(*this);
    --loop.eager_depth_;
    loop.current_task_ = outer;
    loop.next_frame_ = next_frame;
    loop.budget_ = budget;
}

// From the innermost outwards: however many there are, the machine stack does not grow, and what a frame has borrowed
// from its caller is still there.
void TaskBase::destroy_frames() noexcept {
    // First: what ends in a frame may ask this task to cancel, and the awaiter is gone by then.
    CallFrame* next = std::exchange(leaf_, nullptr);
    waiting_for_ = nullptr;
    while (CallFrame* frame = next) {
        next = frame->parent;
        if (scheduler().tracer() != nullptr) trace::frame_destroyed(*scheduler().tracer(), *frame);
        std::exchange(frame->owner->frame, nullptr).destroy();
    }
}

void TaskBase::destroy_pending() noexcept {
    destroy_frames();
    leave_tasks();
    error_ = nullptr;
    finish(State::cancelled);
    release();
}

bool TaskBase::request_cancel(std::string reason, const CancelShield* within) {
    scheduler().check_thread("Task::cancel");
    if (leaf_ == nullptr) return false;
    if (scheduler().tracer() != nullptr) trace::cancel_requested(*scheduler().tracer(), *this);
    if (!reason.empty() && cancel_reason().empty()) extras().cancel_reason = std::move(reason);
    std::int16_t* requests = &cancelling_;
    if (shield_ != within) {
        CancelShield* holder = shield_;
        while (holder->outer_ != within) holder = holder->outer_;
        requests = &holder->held_back_;
    }
    if (*requests < std::numeric_limits<std::int16_t>::max()) ++*requests;
    if (requests == &cancelling_ && cancelling_ == 1) interrupt_wait();
    return true;
}

void TaskBase::interrupt_wait() noexcept {
    if (waiting_for_ != nullptr) waiting_for_->wait_kind->cancel(*waiting_for_);
}

int TaskBase::cancelling_in_all() const noexcept {
    int count = cancelling_;
    for (const CancelShield* shield = shield_; shield != nullptr; shield = shield->outer_) count += shield->held_back_;
    return count;
}

int TaskBase::uncancel() noexcept {
    if (cancelling_ > 0) --cancelling_;
    if (cancelling_ == 0) {
        cancel_thrown_ = false;
        if (shield_ == nullptr && extras_ != nullptr) extras_->cancel_reason.clear();
    }
    return cancelling_;
}

int TaskBase::uncancel_outside() noexcept {
    if (shield_ == nullptr) return uncancel();
    CancelShield* outermost = shield_;
    while (outermost->outer_ != nullptr) outermost = outermost->outer_;
    if (outermost->held_back_ > 0) --outermost->held_back_;
    if (outermost->held_back_ == 0) outermost->thrown_ = false;
    const int left = cancelling_in_all();
    if (left == 0 && extras_ != nullptr) extras_->cancel_reason.clear();
    return left;
}

// A second throw means that somebody caught the first and went on.
CancelledError TaskBase::begin_cancelled_throw() {
    if (cancel_thrown_ && !swallow_reported_) {
        swallow_reported_ = true;
        report_swallowed_cancellation(*this);
    }
    cancel_thrown_ = true;
    return cancelled_error();
}

// The same step, told.
bool TaskBase::step_traced() noexcept {
    Scheduler& loop = scheduler();
    trace::Tracer& tracer = *loop.tracer();
    started_ = true;
    trace::Caused within(tracer);
    trace::step_begin(tracer, *this);
    loop.current_task_ = this;
    loop.budget_ = awaits_per_step_max;
    do {
        loop.next_frame_ = nullptr;
        CallFrame& resumed = *leaf_;
        resumed.owner->frame.resume();
        bool over = leaf_ == nullptr;
        if (loop.next_frame_ != nullptr || over) trace::frame_changed(tracer, resumed, loop.next_frame_);
        if (loop.next_frame_ == nullptr) {
            loop.current_task_ = nullptr;
            trace::step_end(tracer, *this, over);
            return over;
        }
        leaf_ = loop.next_frame_;
    } while (--loop.budget_ > 0);
    loop.current_task_ = nullptr;
    trace::step_end(tracer, *this, false);
    loop.push_ready(*this);
    return false;
}

// False: not one step is to be made.
bool TaskBase::may_step() noexcept {
    if (scheduler().discarding_) return false;  // the loop destroys its tasks itself
    if (started_ || cancelling_ == 0) return true;
    destroy_pending();
    return false;
}

}  // namespace stepwise
