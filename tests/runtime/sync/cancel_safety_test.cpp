// Law 7: what a wait for something inside the program leaves behind when it is cancelled.
#include <stepwise/runtime/sync/barrier.hpp>
#include <stepwise/runtime/sync/condition.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/tests/cancel_safety.hpp>

namespace {

using namespace cancel_safety;

class EventSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        co_await event_.wait();
        co_return "set";
    }
    void complete() override {
        event_.set();
        event_.clear();
    }
    std::string gives() const override { return "set"; }

private:
    Event event_;
};

class LockSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        Lock::Guard guard = co_await lock_.acquire();
        co_return guard ? "locked" : "nothing";
    }
    void complete() override { held_.release(); }
    std::string gives() const override { return "locked"; }
    void after_result() override {
        held_ = lock_.try_acquire();
        CHECK(held_);
    }
    void after_cancel() override {
        held_.release();
        CHECK_FALSE(lock_.locked());
        after_result();
    }

private:
    Lock lock_;
    Lock::Guard held_ = lock_.try_acquire();
};

class SemaphoreSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        Semaphore::Permit permit = co_await semaphore_.acquire();
        co_return permit ? "permitted" : "nothing";
    }
    void complete() override { held_.release(); }
    std::string gives() const override { return "permitted"; }
    void after_result() override {
        held_.release();
        CHECK(semaphore_.free() == 1);
        held_ = semaphore_.try_acquire();
    }
    void after_cancel() override {
        CHECK(semaphore_.waiting() == 0);
        after_result();
    }

private:
    Semaphore semaphore_{2};
    Semaphore::Permit others_ = semaphore_.try_acquire();
    Semaphore::Permit held_ = semaphore_.try_acquire();
};

class ConditionSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        Lock::Guard guard = co_await lock_.acquire();
        try {
            co_await condition_.wait(guard);
        } catch (const CancelledError&) {
            CHECK(guard);
            throw;
        }
        CHECK(guard);
        co_return "notified";
    }
    void complete() override { condition_.notify(); }
    std::string gives() const override { return "notified"; }
    void after_result() override {
        CHECK(condition_.waiting() == 0);
        CHECK_FALSE(lock_.locked());
    }
    void after_cancel() override { after_result(); }

private:
    Lock lock_;
    Condition condition_;
};

class BarrierSubject final : public Subject {
public:
    using Subject::Subject;
    static Coro<> come(Barrier& barrier) { co_await barrier.wait(); }
    Coro<std::string> operate() override {
        co_await barrier_.wait();
        co_return "passed";
    }
    void complete() override { static_cast<void>(loop().create_task(come(barrier_))); }
    // The other one comes first.
    bool completes_at_once() const override { return false; }
    std::string gives() const override { return "passed"; }
    void after_result() override { CHECK(barrier_.waiting() == 0); }
    void after_cancel() override { CHECK(barrier_.waiting() == 0); }

private:
    Barrier barrier_{2};
};

template <class Queue>
class GetSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        std::optional<int> value = co_await queue_.get();
        co_return value ? std::to_string(*value) : "nothing";
    }
    void complete() override { CHECK(queue_.try_put(7)); }
    std::string gives() const override { return "7"; }
    void after_result() override { CHECK(queue_.is_empty()); }
    void after_cancel() override { CHECK(queue_.is_empty()); }

private:
    Queue queue_{1};
};

template <class Queue>
class PutSubject final : public Subject {
public:
    explicit PutSubject(Stage& stage) : Subject(stage) { CHECK(queue_.try_put(1)); }
    Coro<std::string> operate() override {
        co_await queue_.put(7);
        co_return "put";
    }
    void complete() override { CHECK(queue_.try_get() == 1); }
    std::string gives() const override { return "put"; }
    void after_result() override {
        CHECK(queue_.try_get() == 7);
        CHECK(queue_.try_put(1));
    }
    void after_cancel() override {
        CHECK(queue_.size() == 1);
        CHECK(queue_.try_get() == 1);
        CHECK(queue_.try_put(1));
    }

private:
    Queue queue_{1};
};

}  // namespace

TEST_CASE("a cancelled wait for an event leaves the event to the others") {
    check_every_phase<EventSubject>();
}
TEST_CASE("a cancelled acquire holds nothing, and one that was granted is held") {
    check_every_phase<LockSubject>();
    check_every_phase<SemaphoreSubject>();
}
TEST_CASE("a cancelled wait for a condition has its lock again when it throws, and lets it go") {
    check_every_phase<ConditionSubject>();
}
TEST_CASE("who is cancelled at a barrier has not come") {
    check_every_phase<BarrierSubject>();
}
TEST_CASE("a cancelled get has taken no value, of a queue and of a priority queue") {
    check_every_phase<GetSubject<Queue<int>>>();
    check_every_phase<GetSubject<PriorityQueue<int>>>();
}
TEST_CASE("a cancelled put has put no value, into a queue and into a priority queue") {
    check_every_phase<PutSubject<Queue<int>>>();
    check_every_phase<PutSubject<PriorityQueue<int>>>();
}
