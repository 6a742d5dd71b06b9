#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/thread_pool.hpp>

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <cassert>
#include <utility>

namespace stepwise {

ThreadPool::~ThreadPool() {
    [[maybe_unused]] Job* left = stop();
    assert(left == nullptr && "whoever stops the pool takes back the jobs that never ran");
}

void ThreadPool::submit(Job& job) {
    std::unique_lock lock(mutex_);
    if (stopping_) throw std::logic_error("ThreadPool::submit: the pool was stopped");
    if (queued_ >= options_.queued_jobs_max) {
        throw LimitError(fmt::format("the thread pool's queue is full: {} jobs wait for {} threads (queued_jobs_max)",
                                     queued_, threads_.size()));
    }
    if (idle_ <= queued_ && threads_.size() < options_.threads_max) start_thread();
    job.next_job = nullptr;
    (last_ == nullptr ? first_ : last_->next_job) = &job;
    last_ = &job;
    ++queued_;
    lock.unlock();
    changed_.notify_one();
}

void ThreadPool::start_thread() {
    // The pool's threads take no signals: those are for the threads that the program made itself.
    struct BlockedSignals {
        BlockedSignals() noexcept {
            sigset_t all;
            sigfillset(&all);
            pthread_sigmask(SIG_SETMASK, &all, &before);
        }
        ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
        sigset_t before;
    } blocked_signals;
    try {
        threads_.reserve(threads_.size() + 1);
        threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
        if (threads_.empty()) throw;
    }
}

void ThreadPool::work() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        changed_.wait(lock, [this] { return first_ != nullptr || stopping_; });
        --idle_;
        if (stopping_) return;
        Job& job = *first_;
        first_ = std::exchange(job.next_job, nullptr);
        if (first_ == nullptr) last_ = nullptr;
        --queued_;
        lock.unlock();
        job.run_job(job);
        lock.lock();
    }
}

Job* ThreadPool::stop() noexcept {
    Job* left;
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        left = std::exchange(first_, nullptr);
        last_ = nullptr;
        queued_ = 0;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return left;
}

}  // namespace stepwise
