// Law 7: what an await of tasks, futures and time leaves behind when it is cancelled. Those of descriptors are in
// io_test.cpp, those that reach outside of the process in cancel_safety_outside_test.cpp, others in sync/.
#include <stepwise/runtime/async_generator.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/shield.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/wait.hpp>
#include <stepwise/tests/cancel_safety.hpp>

namespace {

using namespace cancel_safety;

class SleepSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        co_await sleep(1h);
        co_return "slept";
    }
    void complete() override { stage().clock.advance(1h); }
    // The clock decides about both, and time that has passed is not kept.
    bool completes_at_once() const override { return false; }
    bool keeps_what_was_not_given() const override { return false; }
    std::string gives() const override { return "slept"; }
};

inline Coro<int> wait_for(Future<int> future) {
    co_return co_await future;
}
inline Coro<int> sleep_long() {
    co_await sleep(24h);
    co_return 0;
}

// What waits for a future that complete() sets.
class OnAFuture : public Subject {
public:
    using Subject::Subject;
    void complete() override { future_.set_result(7); }
    std::string gives() const override { return "7"; }
    void after_result() override { renew(); }
    void after_cancel() override { renew(); }

protected:
    virtual void renew() { future_ = loop().create_future<int>(); }
    Future<int> future_ = loop().create_future<int>();
};

class FutureSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    Coro<std::string> operate() override { co_return std::to_string(co_await future_); }
};

class TaskSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    Coro<std::string> operate() override {
        Task<int> task = loop().create_task(wait_for(future_));
        co_return std::to_string(co_await task);
    }
    void after_cancel() override {
        // Left alone by an await that never began.
        future_.cancel();
        renew();
    }
};

class ShieldSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    Coro<std::string> operate() override { co_return std::to_string(co_await shield(future_)); }
    void after_cancel() override { CHECK_FALSE(future_.done()); }
};

class TimeoutSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    Coro<std::string> operate() override { co_return std::to_string(co_await timeout(1h, wait_for(future_))); }
};

class GatherSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    // Its children end first.
    bool completes_at_once() const override { return false; }
    Coro<std::string> operate() override {
        auto [first, second] = co_await gather(wait_for(future_), wait_for(future_));
        CHECK(second == first);
        co_return std::to_string(first);
    }
};

class WaitSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    Coro<std::string> operate() override {
        std::vector<Future<int>> futures{future_};
        Waited<int> waited = co_await wait(futures);
        CHECK(waited.pending.empty());
        co_return std::to_string(waited.done.at(0).result());
    }
    void after_cancel() override { CHECK_FALSE(future_.done()); }
};

class AsCompletedSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    Coro<std::string> operate() override {
        std::optional<Future<int>> next = co_await completed_->next();
        co_return next ? std::to_string(next->result()) : "nothing";
    }
    void after_cancel() override { CHECK_FALSE(future_.done()); }

private:
    void renew() override {
        OnAFuture::renew();
        completed_ = of(future_);
    }
    static std::unique_ptr<AsCompleted<int>> of(const Future<int>& future) {
        return std::make_unique<AsCompleted<int>>(std::vector<Future<int>>{future});
    }
    std::unique_ptr<AsCompleted<int>> completed_ = of(future_);
};

class RaceSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    // Its children end first.
    bool completes_at_once() const override { return false; }
    Coro<std::string> operate() override {
        std::vector<Coro<int>> bodies;
        bodies.push_back(wait_for(future_));
        bodies.push_back(sleep_long());
        co_return std::to_string(co_await race(std::move(bodies)));
    }
    void after_cancel() override {
        CHECK(loop().task_count() == 0);
        renew();
    }
};

class TaskGroupSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    static Coro<> body(TaskGroup& group, Future<int> future, int& result) {
        Task<int> child = group.start_soon(wait_for, future);
        Task<int> second = group.start_soon(wait_for, future);
        result = co_await child;
    }
    // Its children end first.
    bool completes_at_once() const override { return false; }
    Coro<std::string> operate() override {
        int result = 0;
        co_await task_group(body, future_, std::ref(result));
        co_return std::to_string(result);
    }
    void after_cancel() override {
        CHECK(loop().task_count() == 0);
        renew();
    }
};

class FinallySubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    static Coro<> clean_up(int& cleanups) {
        co_await sleep(0s);
        ++cleanups;
    }
    Coro<std::string> operate() override {
        ++begun_;
        co_return std::to_string(co_await finally(wait_for(future_), clean_up(cleanups_)));
    }
    void after_result() override {
        CHECK(cleanups_ == begun_);
        renew();
    }
    void after_cancel() override { after_result(); }

private:
    int begun_ = 0;
    int cleanups_ = 0;
};

class AsyncGeneratorSubject final : public OnAFuture {
public:
    using OnAFuture::OnAFuture;
    static AsyncGenerator<int> values(Future<int>& future) {
        for (;;) {
            int value = co_await future;
            co_yield value;
        }
    }
    Coro<std::string> operate() override {
        std::optional<int> value = co_await generator_.next();
        co_return value ? std::to_string(*value) : "nothing";
    }
    void after_cancel() override {
        renew();
        generator_ = values(future_);
    }

private:
    AsyncGenerator<int> generator_ = values(future_);
};

}  // namespace

TEST_CASE("a cancelled sleep leaves no timer behind") {
    check_every_phase<SleepSubject>();
}
TEST_CASE("a cancelled await of a future has cancelled the future") {
    check_every_phase<FutureSubject>();
}
TEST_CASE("a cancelled await of a task has cancelled the task, and waited for its end") {
    check_every_phase<TaskSubject>();
}
TEST_CASE("a cancelled shield has left its future alone") {
    check_every_phase<ShieldSubject>();
}
TEST_CASE("a cancelled timeout has cancelled its body, and leaves no timer behind") {
    check_every_phase<TimeoutSubject>();
}
TEST_CASE("a cancelled gather has cancelled its children, and waited for their end") {
    check_every_phase<GatherSubject>();
}
TEST_CASE("a cancelled wait has left its futures alone") {
    check_every_phase<WaitSubject>();
}
TEST_CASE("a cancelled next of as_completed has taken no future") {
    check_every_phase<AsCompletedSubject>();
}
TEST_CASE("a cancelled race has cancelled all who run, and waited for their end") {
    check_every_phase<RaceSubject>();
}
TEST_CASE("a cancelled task group has cancelled body and children, and waited for their end") {
    check_every_phase<TaskGroupSubject>();
}
TEST_CASE("a cancelled finally has run its cleanup to the end, once") {
    check_every_phase<FinallySubject>();
}
TEST_CASE("a cancellation within next() of an async generator is thrown in its body, which may end with it") {
    check_every_phase<AsyncGeneratorSubject>();
}
