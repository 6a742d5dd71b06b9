// Jobs of the executor on simulated threads: how many at once, in which order, and where there is no thread to be had.
#include <stepwise/tests/sim/threads_support.hpp>

#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <vector>

using namespace sim_test;

namespace {

EventLoop::Options with_threads(std::size_t threads_max, std::uint64_t seed = 1) {
    EventLoop::Options options = on(with_seed(seed));
    options.thread_pool.threads_max = threads_max;
    return options;
}

struct Crowd {
    int running = 0;
    int most = 0;
    std::string began;

    void work(char name, Duration duration) {
        began += name;
        most = std::max(most, ++running);
        own::sleep_for(duration);
        --running;
    }
};

Coro<void> work_in_jobs(Crowd& crowd, char first, char last) {
    std::vector<Future<void>> jobs;
    for (char name = first; name <= last; ++name) {
        const auto work = [&crowd, name] { crowd.work(name, 1s); };
        jobs.push_back(EventLoop::current().run_in_executor(work));
    }
    for (Future<void>& job : jobs) co_await job;
}

}  // namespace

TEST_CASE("a pool of one thread runs one job at a time, in the order in which they came") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Crowd crowd;
        run(work_in_jobs(crowd, 'a', 'd'), with_threads(1, seed));
        CHECK(crowd.most == 1);
        CHECK(crowd.began == "abcd");
    }
}

TEST_CASE("no more jobs run at once than the pool may have threads, and no fewer") {
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Crowd crowd;
        run(work_in_jobs(crowd, 'a', 'g'), with_threads(3, seed));
        CHECK(crowd.most == 3);
        CHECK(crowd.began.size() == 7);
        orders.insert(crowd.began);
        Crowd again;
        run(work_in_jobs(again, 'a', 'g'), with_threads(3, seed));
        CHECK(again.began == crowd.began);
    }
    CHECK(orders.size() > 3);
}

namespace {

Coro<void> cancel_one_that_waits(Crowd& crowd) {
    EventLoop& loop = EventLoop::current();
    const auto first = [&crowd] { crowd.work('a', 1s); };
    const auto second = [&crowd] { crowd.work('b', 1s); };
    const auto third = [&crowd] { crowd.work('c', 1s); };
    Future<void> runs = loop.run_in_executor(first);
    Future<void> waits = loop.run_in_executor(second);
    Future<void> comes_after = loop.run_in_executor(third);
    co_await sleep(500ms);
    waits.cancel();
    co_await comes_after;
    CHECK(runs.done());
}

Coro<void> leave_jobs_behind(Crowd& crowd, Duration after) {
    Task<void> jobs = EventLoop::current().create_task(work_in_jobs(crowd, 'a', 'e'));
    co_await sleep(after);
}

}  // namespace

TEST_CASE("a job that is cancelled while it waits for a thread is never run") {
    Crowd crowd;
    run(cancel_one_that_waits(crowd), with_threads(1));
    CHECK(crowd.began == "ac");
}

TEST_CASE("the loop's end waits for the jobs that have begun, and drops those that wait for a thread") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        for (Duration after : {0ns, 100'000ns, 1'000'000ns, 1'000'500'000ns, 1'001'000'000ns, 1'002'000'000ns}) {
            Crowd crowd;
            run(leave_jobs_behind(crowd, after), with_threads(2, seed));
            CHECK(crowd.running == 0);
            CHECK(crowd.began.size() <= (after < 1s ? 2 : 4));
        }
    }
}

// ---- no thread to be had

namespace {

// While it lasts, a thread's stack is larger than there is memory: pthread_create says EAGAIN.
class NoThreads {
public:
    NoThreads() {
        pthread_getattr_default_np(&before_);
        pthread_attr_t huge;
        pthread_attr_init(&huge);
        pthread_attr_setstacksize(&huge, std::size_t{1} << 46);
        pthread_setattr_default_np(&huge);
        pthread_attr_destroy(&huge);
    }
    NoThreads(const NoThreads&) = delete;
    NoThreads& operator=(const NoThreads&) = delete;
    ~NoThreads() {
        pthread_setattr_default_np(&before_);
        pthread_attr_destroy(&before_);
    }

private:
    pthread_attr_t before_;
};

Coro<void> ask_for_the_first_thread() {
    EventLoop& loop = EventLoop::current();
    const auto work = [] { return 7; };
    {
        NoThreads none;
        CHECK_THROWS_AS(static_cast<void>(loop.run_in_executor(work)), std::system_error);
    }
    Future<int> result = loop.run_in_executor(work);
    CHECK(co_await result == 7);
}

Coro<void> ask_for_a_second_thread() {
    EventLoop& loop = EventLoop::current();
    int ended = 0;
    const auto work = [&ended] { ++ended; };
    Future<void> first = loop.run_in_executor(work);
    NoThreads none;
    Future<void> second = loop.run_in_executor(work);
    Future<void> third = loop.run_in_executor(work);
    co_await third;
    co_await second;
    co_await first;
    CHECK(ended == 3);
}

}  // namespace

TEST_CASE("a job that no thread can be made for is refused, on the simulator and elsewhere") {
    run(ask_for_the_first_thread(), with_threads(8));
    run(ask_for_the_first_thread(), real());
}

TEST_CASE("jobs make do with the threads that there are, on the simulator and elsewhere") {
    run(ask_for_a_second_thread(), with_threads(8));
    run(ask_for_a_second_thread(), real());
}

TEST_CASE("a simulated thread that cannot be made says so, and the world goes on") {
    in_a_program(1, [] {
        own::sleep_for(1s);
        {
            NoThreads none;
            CHECK_THROWS_AS(Thread([] {}), std::system_error);
        }
        std::string order;
        Thread thread([&order] { order += 't'; });
        thread.join();
        CHECK(order == "t");
    });
}
