// Threads for work that blocks: bounded in number, with a bounded queue. Threads start when there is work for them.
//
// A Job belongs to whoever submits it and stays alive until `run` was called on a thread of the pool, or until `stop`
// handed it back. submit and stop belong to one thread, the loop's; `run` must not throw. At the queue's bound submit
// throws LimitError.
#pragma once

#include <cstddef>
#include <memory>

namespace stepwise {

struct Job {
    using Run = void (*)(Job&) noexcept;

    explicit Job(Run on_run) noexcept : run_job(on_run) {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    Job* next_job = nullptr;
    Run run_job;  // on a thread of the pool
};

class ThreadPool {
public:
    struct Options {
        std::size_t threads_max = 8;
        std::size_t queued_jobs_max = 10'000;
    };

    // At least one thread: std::invalid_argument.
    explicit ThreadPool(Options options);
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool();

    // Throws LimitError when queued_jobs_max jobs wait, std::system_error when not one thread can be made.
    void submit(Job& job);

    // Waits for the jobs that run, ends the threads, and returns the list of those that never ran. Idempotent.
    Job* stop() noexcept;

private:
    struct State;  // apart, so that a program which includes the loop does not compile <thread> and <mutex>

    std::unique_ptr<State> state_;
};

}  // namespace stepwise
