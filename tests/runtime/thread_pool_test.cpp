#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/thread_pool.hpp>

#include <doctest/doctest.h>

#include <signal.h>

#include <atomic>
#include <deque>
#include <latch>
#include <set>
#include <thread>

namespace {

using namespace stepwise;

template <class Function>
struct FunctionJob : Job {
    explicit FunctionJob(Function work)
        : Job([](Job& job) noexcept { static_cast<FunctionJob&>(job).function(); }), function(std::move(work)) {}
    Function function;
};

int length(Job* job) {
    int count = 0;
    for (; job != nullptr; job = job->next_job) ++count;
    return count;
}

}  // namespace

TEST_CASE("every job runs, on threads that are not the caller's and no more than were allowed") {
    ThreadPool::Options options;
    options.threads_max = 3;
    ThreadPool pool(options);
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::latch all_ran(100);
    auto work = [&] {
        {
            std::lock_guard lock(mutex);
            threads.insert(std::this_thread::get_id());
        }
        all_ran.count_down();
    };
    std::deque<FunctionJob<decltype(work)>> jobs;
    for (int count = 0; count < 100; ++count) pool.submit(jobs.emplace_back(work));
    all_ran.wait();
    CHECK(pool.stop() == nullptr);
    CHECK(threads.size() <= 3);
    CHECK_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST_CASE("law 9: a full queue refuses a job with LimitError that names the option") {
    ThreadPool::Options options;
    options.threads_max = 1;
    options.queued_jobs_max = 2;
    ThreadPool pool(options);
    std::latch begun(1);
    std::latch may_end(1);
    auto blocks = [&] {
        begun.count_down();
        may_end.wait();
    };
    auto nothing = [] {};
    FunctionJob blocking(blocks);
    FunctionJob first(nothing);
    FunctionJob second(nothing);
    FunctionJob third(nothing);
    pool.submit(blocking);
    begun.wait();
    pool.submit(first);
    pool.submit(second);
    CHECK_THROWS_WITH_AS(pool.submit(third),
                         "the thread pool's queue is full: 2 jobs wait for 1 threads (queued_jobs_max)", LimitError);
    may_end.count_down();
    Job* left = pool.stop();
    CHECK(length(left) <= 2);
}

TEST_CASE("a pool without a thread is refused, as its jobs would wait for ever") {
    ThreadPool::Options options;
    options.threads_max = 0;
    CHECK_THROWS_WITH_AS(ThreadPool{options}, "ThreadPool: threads_max must be at least 1", std::invalid_argument);
}

TEST_CASE("stop waits for the job that runs and hands back those that never ran; afterwards nothing is taken") {
    ThreadPool::Options options;
    options.threads_max = 1;
    ThreadPool pool(options);
    std::latch begun(1);
    std::atomic<bool> ended = false;
    std::atomic<bool> stopping = false;
    auto runs = [&] {
        begun.count_down();
        while (!stopping) std::this_thread::yield();
        ended = true;
    };
    auto never = [] {};
    FunctionJob running(runs);
    FunctionJob waiting(never);
    pool.submit(running);
    begun.wait();
    pool.submit(waiting);
    std::thread releases([&] { stopping = true; });
    Job* left = pool.stop();
    releases.join();
    CHECK(ended);
    // The running job may have ended before the stop, and the waiting one have run.
    CHECK(length(left) <= 1);
    CHECK(pool.stop() == nullptr);
    CHECK_THROWS_AS(pool.submit(waiting), std::logic_error);
}

TEST_CASE("the threads of a pool take no signals, and the caller's signal mask stays as it was") {
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    ThreadPool pool({});
    std::latch ran(1);
    int blocked = -1;
    int mistakes_blocked = -1;
    auto look = [&] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocked = sigismember(&mask, SIGINT) + sigismember(&mask, SIGTERM) + sigismember(&mask, SIGUSR1);
        mistakes_blocked = sigismember(&mask, SIGSEGV) + sigismember(&mask, SIGBUS) + sigismember(&mask, SIGFPE);
        ran.count_down();
    };
    FunctionJob job(look);
    pool.submit(job);
    ran.wait();
    CHECK(blocked == 3);
    // Or a crash there would end the program before any handler of it could say where.
    CHECK(mistakes_blocked == 0);
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    CHECK(sigismember(&after, SIGINT) == sigismember(&before, SIGINT));
    CHECK(sigismember(&after, SIGUSR1) == sigismember(&before, SIGUSR1));
}
