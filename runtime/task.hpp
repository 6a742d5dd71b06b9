// Task<T>: a Future<T> whose result a coroutine makes, driven by the loop one step at a time.
//
// The loop holds every task until it is done: a handle may be dropped, the task runs on. The root frame ends when the
// task is done, or when the loop closes. An exception that ends a task is kept for whoever asks; if nobody can ask any
// more it is reported. One thread.
#pragma once

#include <stepwise/runtime/future.hpp>
#include <stepwise/runtime/task_base.hpp>

#include <string>
#include <utility>

namespace stepwise {

namespace detail {

template <class T>
class TaskState final : public FutureState<T>, public TaskBase {
public:
    TaskState(Scheduler& scheduler, Coro<T> body)
        : FutureState<T>(scheduler), TaskBase(scheduler), root_(std::move(body)) {
        start(root_.start_root(*this));
        this->retain();  // the loop's own reference, until the task is done
    }

    bool cancel() override { return request_cancel(); }
    [[noreturn]] void throw_cancellation() const override { throw_cancelled(); }
    TaskBase* as_task() noexcept override { return this; }

    void destroy_pending() noexcept override {
        destroy_frames();
        finish_as(FutureBase::State::cancelled);
    }

private:
    ~TaskState() override = default;

    void finish_root() noexcept override {
        Promise<T>& promise = root_.promise();
        std::exception_ptr error = std::move(promise.error);
        auto state = promise.cancelled ? FutureBase::State::cancelled : FutureBase::State::result;
        if (!promise.cancelled && !error) take_value(promise, error);
        destroy_frames();
        if (error) {
            leave_queues();
            this->finish_with_exception(std::move(error));
            this->release();
        } else {
            finish_as(state);
        }
    }
    void finish_unstarted() noexcept override { destroy_pending(); }

    void take_value(Promise<T>& promise, std::exception_ptr& error) noexcept {
        if constexpr (!std::is_void_v<T>) {
            try {
                this->value_.emplace(std::move(promise.value));
            } catch (...) {
                error = std::current_exception();
            }
        } else {
            this->value_.emplace();
        }
    }
    void finish_as(FutureBase::State state) noexcept {
        leave_queues();
        this->finish(state);
        this->release();
    }

    Coro<T> root_;
};

}  // namespace detail

template <class T = void>
class Task : public Future<T> {
public:
    // Made by EventLoop::create_task.
    explicit Task(detail::TaskState<T>& state) noexcept : Future<T>(state) {}

    std::string name() const { return task().name(); }
    Task& set_name(std::string name) {
        task().set_name(std::move(name));
        return *this;
    }
    Task& start_even_if_cancelled() noexcept {
        task().start_even_if_cancelled();
        return *this;
    }
    // Asks it to stop; the first reason is what CancelledError tells. False if it is done.
    bool cancel(std::string reason = {}) { return task().request_cancel(std::move(reason)); }
    // How many cancellations were asked for and not taken back; every await throws while there is one.
    int cancelling() const noexcept { return task().cancelling_in_all(); }
    int uncancel() noexcept { return task().uncancel(); }

private:
    detail::TaskState<T>& task() const noexcept { return static_cast<detail::TaskState<T>&>(*this->state_); }
};

}  // namespace stepwise
