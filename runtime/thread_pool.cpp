#include <stepwise/runtime/diagnostics/deadlock.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/thread_pool.hpp>

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <cassert>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace stepwise {

struct ThreadPool::State {
    explicit State(Options own_options) : options(own_options) {}

    void work() noexcept;
    void start_thread();

    Options options;
    std::mutex mutex;
    std::condition_variable changed;
    Job* first = nullptr;
    Job* last = nullptr;
    std::size_t queued = 0;
    std::size_t idle = 0;
    bool stopping = false;
    std::vector<std::thread> threads;
};

ThreadPool::ThreadPool(Options options) : state_(std::make_unique<State>(options)) {
    if (options.threads_max == 0) throw std::invalid_argument("ThreadPool: threads_max must be at least 1");
}

ThreadPool::~ThreadPool() {
    [[maybe_unused]] Job* left = stop();
    assert(left == nullptr && "whoever stops the pool takes back the jobs that never ran");
}

void ThreadPool::submit(Job& job) {
    State& state = *state_;
    std::unique_lock lock(state.mutex);
    if (state.stopping) throw std::logic_error("ThreadPool::submit: the pool was stopped");
    if (state.queued >= state.options.queued_jobs_max) {
        throw LimitError(fmt::format("the thread pool's queue is full: {} jobs wait for {} threads (queued_jobs_max)",
                                     state.queued, state.threads.size()));
    }
    if (state.idle <= state.queued && state.threads.size() < state.options.threads_max) state.start_thread();
    job.next_job = nullptr;
    (state.last == nullptr ? state.first : state.last->next_job) = &job;
    state.last = &job;
    ++state.queued;
    lock.unlock();
    state.changed.notify_one();
}

void ThreadPool::State::start_thread() {
    // The pool's threads take no signals: those are for the threads that the program made itself.
    struct BlockedSignals {
        BlockedSignals() noexcept {
            sigset_t all;
            sigfillset(&all);
            // But those that a thread's own mistake raises in it: blocked, they would end the program without a word.
            for (int mistake : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&all, mistake);
            pthread_sigmask(SIG_SETMASK, &all, &before);
        }
        ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
        sigset_t before;
    } blocked_signals;
    try {
        threads.reserve(threads.size() + 1);
        threads.emplace_back([this] { work(); });
        ++detail::quiet_threads;
    } catch (const std::system_error&) {
        if (threads.empty()) throw;
    }
}

void ThreadPool::State::work() noexcept {
    ::pthread_setname_np(::pthread_self(), "stepwise-pool");
    std::unique_lock lock(mutex);
    for (;;) {
        ++idle;
        changed.wait(lock, [this] { return first != nullptr || stopping; });
        --idle;
        if (stopping) return;
        Job& job = *first;
        first = std::exchange(job.next_job, nullptr);
        if (first == nullptr) last = nullptr;
        --queued;
        lock.unlock();
        job.run_job(job);
        lock.lock();
    }
}

Job* ThreadPool::stop() noexcept {
    State& state = *state_;
    Job* left;
    {
        std::lock_guard lock(state.mutex);
        state.stopping = true;
        left = std::exchange(state.first, nullptr);
        state.last = nullptr;
        state.queued = 0;
    }
    state.changed.notify_all();
    for (std::thread& thread : state.threads) {
        thread.join();
        --detail::quiet_threads;
    }
    state.threads.clear();
    return left;
}

}  // namespace stepwise
