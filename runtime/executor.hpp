// The loop's side of the thread pool: jobs whose result comes back to a Future, and file operations for a reactor that
// cannot do them itself.
//
// A job is made and destroyed on the loop's thread; in between a pool thread runs it and posts it back, intrusively.
// The loop's end stops the pool first: jobs that run are waited for, those that wait are dropped and their futures with
// them.
#pragma once

#include <stepwise/runtime/future.hpp>
#include <stepwise/runtime/reactor/operation.hpp>
#include <stepwise/runtime/thread_pool.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace stepwise {

class EventLoop;
class Simulation;

namespace detail {

// A job that returns to the loop as a handle. The loop's executor counts it from its begin to its end.
class LoopJob : public Job, public ReadyNode {
public:
    virtual ~LoopJob();

protected:
    LoopJob(EventLoop& loop, Job::Run on_run, ReadyNode::Run on_return) noexcept;
    // On the pool's thread. False: nobody wants it any more, and there is nothing to do but to post it back.
    bool begin() noexcept;
    void post_back() noexcept;
    // On the loop's thread. False: a thread has begun with it. It is posted back either way.
    bool withdraw() noexcept { return leave_queue_for(State::withdrawn); }

    EventLoop& loop_;

private:
    enum class State : std::uint8_t { queued, begun, withdrawn };

    bool leave_queue_for(State next) noexcept {
        State queued = State::queued;
        return state_.compare_exchange_strong(queued, next);
    }

    std::atomic<State> state_ = State::queued;
};

// Waits for its own future: one that is cancelled withdraws it.
template <class Result, class Function>
class ExecutorJob final : public LoopJob, private Waiter {
public:
    ExecutorJob(EventLoop& loop, Future<Result> future, Function function)
        : LoopJob(loop, &ExecutorJob::run_here, &ExecutorJob::returned),
          Waiter(waits),
          future_(std::move(future)),
          function_(std::move(function)) {
        future_.shared_state().add_waiter(*this);
    }
    ~ExecutorJob() override { future_.shared_state().remove_waiter(*this); }

private:
    static void run_here(Job& job) noexcept {
        auto& self = static_cast<ExecutorJob&>(job);
        if (!self.begin()) return self.post_back();
        try {
            if constexpr (std::is_void_v<Result>) {
                self.function_();
                self.result_.emplace();
            } else {
                self.result_.emplace(self.function_());
            }
        } catch (...) {
            self.error_ = std::current_exception();
        }
        self.post_back();
    }
    static void future_done(Waiter& waiter, FutureBase*) noexcept { static_cast<ExecutorJob&>(waiter).withdraw(); }
    static constexpr WaitKind waits{.told = &ExecutorJob::future_done};

    static void returned(ReadyNode& node) {
        std::unique_ptr<ExecutorJob> self(&static_cast<ExecutorJob&>(node));
        Future<Result>& future = self->future_;
        if (future.done() || future.shared_state().scheduler().discarding()) return;
        future.shared_state().remove_waiter(*self);
        if (self->error_) {
            future.set_exception(std::move(self->error_));
        } else if constexpr (std::is_void_v<Result>) {
            future.set_result();
        } else {
            self->deliver();
        }
    }

    // Who waits must hear of a result that cannot be moved too.
    void deliver() {
        try {
            future_.set_result(std::move(*result_));
        } catch (...) {
            future_.set_exception(std::current_exception());
        }
    }

    Future<Result> future_;
    Function function_;
    std::optional<Stored<Result>> result_;
    std::exception_ptr error_;
};

class Executor {
public:
    explicit Executor(ThreadPool::Options options) : options_(options), pool_(options) {}

    // On a simulated loop: later, on a thread of its own that takes turns with the loop's.
    void submit(EventLoop& loop, LoopJob& job);
    // No job is on its way.
    bool idle() const noexcept { return jobs_ == 0; }
    void offload(EventLoop& loop, Operation& operation);
    bool withdraw_offloaded(Operation& operation) noexcept;
    void abandon_offloaded(Operation& operation) noexcept;
    // Stops the threads and drops what never ran.
    void stop(Simulation* simulation) noexcept;

private:
    friend class LoopJob;
    class FileJob;

    ThreadPool::Options options_;
    ThreadPool pool_;
    std::size_t jobs_ = 0;
};

}  // namespace detail

}  // namespace stepwise
