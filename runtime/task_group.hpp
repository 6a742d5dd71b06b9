// TaskGroup: tasks that do not outlive the block that started them. The first error cancels the siblings and the body,
// and is thrown when all have ended.
//
//     Coro<void> serve_all(TaskGroup& group, int count) {
//         for (int id = 0; id < count; ++id) group.start_soon(serve_one, id);
//         co_return;
//     }
//     co_await task_group(serve_all, 3);   // returns when the body and all children have
//
// The group lives in task_group's frame; the body gets a reference, which is good until it and all children have ended.
// A child may start siblings. The loop's thread.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace stepwise {

// Several failed. One alone is thrown as it is.
class TaskGroupError : public std::runtime_error {
public:
    explicit TaskGroupError(std::vector<std::exception_ptr> all);
    // In the order in which they came; never fewer than two.
    const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

private:
    std::vector<std::exception_ptr> errors_;
};

class TaskGroup {
public:
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    // A child, from the next turn on; in a group that is cancelled it is cancelled before it begins. Its error is the
    // group's. The handle is for its name, its result, or to cancel it alone, which is no error. std::bad_alloc: there
    // is no child.
    template <class T>
    Task<T> start_soon(Coro<T> body, std::source_location made_at = std::source_location::current()) {
        Task<T> task = loop_.create_task(std::move(body), Start::soon, made_at);
        add(task.shared_state(), *task.shared_state().as_task());
        return task;
    }
    // function(args…) is called when the task begins; both are moved into the task's frame, which owns them: a lambda
    // with captures is safe here. Give std::ref for what is to be shared and lives longer.
    template <class Function, class... Args>
    requires std::invocable < Function&, std::unwrap_reference_t<Args>
    &... > auto start_soon(Function function, Args... args) {
        using Body = std::invoke_result_t<Function&, std::unwrap_reference_t<Args>&...>;
        return start_soon(call<typename Body::value_type, Function, Args...>(std::move(function), std::move(args)...));
    }

    // Asks the children and the body to stop, those too that are started later.
    void cancel(const std::string& reason = {});
    bool cancelled() const noexcept { return cancelled_; }
    std::size_t running() const noexcept { return running_; }

private:
    template <class Function, class... Args>
    friend Coro<void> task_group(Function body, Args... args);
    struct Child;
    class Join;

    TaskGroup(EventLoop& loop, TaskBase& task) noexcept : loop_(loop), task_(task) {}
    ~TaskGroup();

    template <class T, class Function, class... Args>
    static Coro<T> call(Function function, Args... args) {
        Coro<T> body = std::invoke(function, static_cast<std::unwrap_reference_t<Args>&>(args)...);
        co_return co_await std::move(body);
    }

    void add(FutureBase& future, TaskBase& task);
    void child_done(Child& child) noexcept;
    void failed(std::exception_ptr error) noexcept;
    void report(std::exception_ptr error) noexcept;
    // The body has ended, with what is being thrown, if anything.
    void body_ended(std::exception_ptr error) noexcept;
    Join join() noexcept;
    // All have ended.
    void finish();

    EventLoop& loop_;
    TaskBase& task_;  // in which the body runs
    const CancelShield* scope_ = task_.innermost_shield();
    Child* children_ = nullptr;
    std::size_t running_ = 0;
    std::exception_ptr first_error_;
    std::vector<std::exception_ptr> later_errors_;
    std::exception_ptr cancellation_;  // what ended the body, where that was not the group's own
    bool cancelled_ = false;
    bool body_cancelled_ = false;  // by us: to be taken back
    bool body_runs_ = true;
    bool joining_ = false;
};

class [[nodiscard]] TaskGroup::Join : public Suspension {
public:
    explicit Join(TaskGroup& group) noexcept : Suspension(kind), group_(group) {}

    bool await_ready() const noexcept { return group_.running_ == 0; }
    // Resumed by the task's step, which the last child's end queues. A cancellation is passed on to the children, and
    // waits with us.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise>,
                       std::source_location where = std::source_location::current()) noexcept {
        if (group_.task_.cancel_pending()) group_.cancel();
        group_.joining_ = true;
        group_.task_.suspend(*this, where);
    }
    void await_resume() const noexcept {}

private:
    static void cancel_group(Suspension& suspension) noexcept { static_cast<Join&>(suspension).group_.cancel(); }
    static void describe(const Suspension& suspension, WaitDescription& description);
    static const WaitKind kind;

    TaskGroup& group_;
};

inline TaskGroup::Join TaskGroup::join() noexcept {
    return Join(*this);
}

// Runs body(group, args…), a Coro<void>, and waits for all that it, or they, started in the group. Throws the error, or
// a TaskGroupError if several failed. Cancel-safe: body and children are cancelled, and it ends when they have.
template <class Function, class... Args>
Coro<void> task_group(Function body, Args... args) {
    EventLoop& loop = EventLoop::current();
    TaskGroup group(loop, *loop.current_task());
    std::exception_ptr error;
    try {
        Coro<void> running = std::invoke(body, group, static_cast<std::unwrap_reference_t<Args>&>(args)...);
        co_await std::move(running);
    } catch (...) {
        error = std::current_exception();
    }
    group.body_ended(std::move(error));
    TaskGroup::Join joining = group.join();
    co_await joining;
    group.finish();
}

}  // namespace stepwise
