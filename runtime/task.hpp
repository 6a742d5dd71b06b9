// Task<T>: a Future<T> whose result a coroutine makes, driven by the loop one step at a time.
//
//     Task<int> task = loop.create_task(answer(21)).set_name("answer");
//     int doubled = co_await task;
//
// The loop holds every task until it is done: a handle may be dropped, the task runs on. The root frame ends when the
// task is done, or when the loop closes. An exception that ends a task is kept for whoever asks; if nobody can ask any
// more it is reported. Awaiting a task is cancel-safe: the task is cancelled with the one that waits, and the wait ends
// when it has; one that was cancelled before it awaits leaves it alone. One thread: the loop's.
#pragma once

#include <stepwise/runtime/future.hpp>
#include <stepwise/runtime/task_base.hpp>

#include <string>
#include <utility>

namespace stepwise {

namespace detail {

template <class T>
class TaskState final : public WithResult<TaskBase, T> {
public:
    // Throws std::bad_alloc. begin() comes when somebody holds it: an eager start may end it.
    static TaskState& make(Scheduler& scheduler, std::source_location made_at) {
        auto* state = new TaskState(scheduler, made_at);
        try {
            state->inherit();
        } catch (...) {
            delete state;
            throw;
        }
        return *state;
    }
    // `body` has not been started.
    void begin(Coro<T>&& body, Start when) noexcept {
        auto root = body.release();
        this->enter(root, root.promise());
        this->start(when);
    }
    // Both, for Start::soon and what starts_plainly: no slow path, and so no stack frame. nullptr: no room at hand.
    static TaskState* make_plainly(Scheduler& scheduler, Coro<T>&& body, std::source_location made_at) noexcept {
        assert(TaskState::starts_plainly(scheduler));
        void* memory = frame_pool::take(sizeof(TaskState));
        if (memory == nullptr) return nullptr;
        auto root = body.release();
        auto* state = ::new (memory) TaskState(scheduler, made_at);
        state->enter(root, root.promise());
        state->start_plainly();
        return state;
    }

private:
    TaskState(Scheduler& scheduler, std::source_location made_at) noexcept
        : WithResult<TaskBase, T>(scheduler, &TaskState::destroy, &TaskState::run_step, made_at) {}
    ~TaskState() = default;

    static void destroy(FutureBase& base) noexcept {
        auto& self = static_cast<TaskState&>(base);
        self.end_value();
        if (!self.ends_plainly()) [[unlikely]]
            return destroy_with_rest(self);
        delete &self;
    }
    // By itself, so that the other one needs no stack frame.
    [[gnu::noinline]] static void destroy_with_rest(TaskState& self) noexcept {
        self.end_rest();
        delete &self;
    }

    static void run_step(ReadyNode& node) {
        auto& self = static_cast<TaskState&>(node);
        if (self.step()) self.end_with_result();
    }

    void end_with_result() noexcept {
        if (!this->returned() || !take_value()) [[unlikely]]
            return end_without_result();
        this->end(FutureBase::State::result);
    }
    [[gnu::noinline]] void end_without_result() noexcept {
        this->end(this->was_cancelled() ? FutureBase::State::cancelled : FutureBase::State::exception);
    }
    // False: its move has thrown.
    bool take_value() noexcept {
        if constexpr (!std::is_void_v<T>) {
            auto root = std::coroutine_handle<Promise<T>>::from_address(this->root_frame().address());
            try {
                this->emplace(std::move(root.promise().value));
            } catch (...) {
                this->frame_failed(root.promise(), std::current_exception());
                return false;
            }
        }
        return true;
    }
};

}  // namespace detail

template <class T = void>
class Task : public Future<T> {
public:
    // Made by EventLoop::create_task.
    explicit Task(detail::TaskState<T>& state) noexcept : Future<T>(state) {}

    // "Task-7" unless set: for reports.
    std::string name() const { return task().name(); }
    Task& set_name(std::string name) {
        task().set_name(std::move(name));
        return *this;
    }
    // To be called before the first step: that one runs even if the task is cancelled by then, so that an end which
    // must be told at least begins. Its awaits throw as any other's.
    Task& start_even_if_cancelled() noexcept {
        task().start_even_if_cancelled();
        return *this;
    }
    // Asks it to stop; the first reason is what CancelledError tells. False if it is done.
    bool cancel(std::string reason = {}) { return task().request_cancel(std::move(reason)); }
    // How many cancellations were asked for and not taken back; every await throws while there is one.
    int cancelling() const noexcept { return task().cancelling_in_all(); }
    // Takes one back; how many are left.
    int uncancel() noexcept { return task().uncancel_outside(); }

private:
    TaskBase& task() const noexcept { return static_cast<TaskBase&>(*this->state_); }
};

}  // namespace stepwise
