// Law 7, for one operation at a time: the phases in which a cancellation can come, and what must hold in each.
//
// A Subject is an operation on an object of its own. It is cancelled before it starts, while it waits, and in the turn
// in which it completes; it is timed out, also in that turn; and the loop ends while it waits. Either it gave its
// result, or it was cancelled: then the next operation gets what this one did not. Nothing is lost, doubled or left
// behind, and the object can be used as before. Nothing sleeps: the clock is moved by hand.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cancel_safety {

using namespace std::chrono_literals;
using namespace stepwise;

// The loop that a phase runs on.
struct Stage {
    explicit Stage(std::size_t threads_max) {
        EventLoop::Options options;
        options.clock = &clock;
        options.thread_pool.threads_max = threads_max;
        loop.emplace(std::move(options));
        loop->set_exception_handler(
            [this](std::exception_ptr, std::string_view where) { lost.push_back(std::string(where)); });
    }

    void turns(int count) {
        for (int turn = 0; turn < count; ++turn) loop->run_once(false);
    }
    template <class Condition>
    void run_until(Condition condition) {
        auto give_up = std::chrono::steady_clock::now() + 30s;
        while (!condition()) {
            loop->run_once(false);
            if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("it does not happen");
        }
    }

    ManualClock clock;
    std::vector<std::string> lost;
    std::optional<EventLoop> loop;
};

class Subject {
public:
    explicit Subject(Stage& stage) noexcept : stage_(stage) {}
    Subject(const Subject&) = delete;
    Subject& operator=(const Subject&) = delete;
    virtual ~Subject() = default;

    // The operation, which waits at first; what it gave, as text.
    virtual Coro<std::string> operate() = 0;
    // Lets it be done, in this turn or, where others have a say, soon.
    virtual void complete() = 0;
    virtual std::string gives() const = 0;
    // Looks at what an operation has left that gave its result, or was cancelled, and makes the next one wait again.
    virtual void after_result() {}
    virtual void after_cancel() {}
    // complete() alone decides: a cancellation that comes behind it comes too late.
    virtual bool completes_at_once() const { return true; }
    // What a cancelled operation did not give the next one gets.
    virtual bool keeps_what_was_not_given() const { return true; }
    // That run on between two operations.
    virtual std::size_t tasks_of_its_own() const { return 0; }
    // The loop is about to end.
    virtual void before_loop_ends() {}

    EventLoop& loop() const noexcept { return *stage_.loop; }
    Stage& stage() const noexcept { return stage_; }

private:
    Stage& stage_;
};

namespace detail {

using Outcomes = std::vector<std::string>;

// The sleep behind it tells whether a cancellation was kept for the next await.
inline Coro<> operate_then_sleep(Subject& subject, Outcomes& outcomes) {
    try {
        std::string given = co_await subject.operate();
        outcomes.push_back(std::move(given));
    } catch (const CancelledError&) {
        outcomes.push_back("cancelled");
        throw;
    }
    co_await sleep(24h);
}

inline Coro<> begin_cancelled(Subject& subject, Outcomes& outcomes) {
    try {
        co_await sleep(24h);
    } catch (const CancelledError&) {
        // Swallowed, not taken back: every await throws from here on.
    }
    co_await operate_then_sleep(subject, outcomes);
}

inline Coro<> operate_within(Subject& subject, Duration limit, Outcomes& outcomes) {
    try {
        std::string given = co_await timeout(limit, subject.operate());
        outcomes.push_back(std::move(given));
    } catch (const TimeoutError&) {
        outcomes.push_back("too late");
    }
}

inline Coro<> operate_once(Subject& subject, Outcomes& outcomes) {
    std::string given = co_await subject.operate();
    outcomes.push_back(std::move(given));
}

class Phases {
public:
    Phases(std::function<std::unique_ptr<Subject>(Stage&)> make, std::size_t threads_max)
        : make_(std::move(make)), threads_max_(threads_max) {}

    void before_it_starts() {
        INFO("cancelled before it starts");
        begin();
        Task<> unstarted = stage_->loop->create_task(operate_then_sleep(*subject_, outcomes_));
        unstarted.cancel();
        Task<> task = stage_->loop->create_task(begin_cancelled(*subject_, outcomes_));
        stage_->turns(1);
        task.cancel();
        stage_->run_until([&] { return task.done() && unstarted.done(); });
        CHECK(task.cancelled());
        CHECK(unstarted.cancelled());
        CHECK(outcomes_ == Outcomes{"cancelled"});
        subject_->after_cancel();
        use_again();
    }
    void while_it_waits() {
        INFO("cancelled while it waits");
        begin();
        Task<> task = start_waiting();
        CHECK(task.cancel());
        stage_->run_until([&] { return task.done(); });
        CHECK(task.cancelled());
        CHECK(outcomes_ == Outcomes{"cancelled"});
        subject_->after_cancel();
        use_again();
    }
    void in_the_turn_in_which_it_completes() {
        INFO("cancelled in the turn in which it completes");
        begin();
        Task<> task = start_waiting();
        subject_->complete();
        // Queued before what the next poll finds: it comes between the completion and the task's step.
        stage_->loop->call_soon([&] { task.cancel(); });
        stage_->run_until([&] { return task.done(); });
        CHECK(task.cancelled());
        REQUIRE(outcomes_.size() == 1);
        check_and_use_again("cancelled");
    }
    void by_a_timeout() {
        INFO("timed out while it waits");
        begin();
        Task<> task = stage_->loop->create_task(operate_within(*subject_, 1s, outcomes_));
        settle();
        REQUIRE_FALSE(task.done());
        stage_->clock.advance(1s);
        stage_->run_until([&] { return task.done(); });
        CHECK(outcomes_ == Outcomes{"too late"});
        subject_->after_cancel();
        use_again();
    }
    void by_a_timeout_in_the_turn_in_which_it_completes() {
        INFO("timed out in the turn in which it completes");
        begin();
        Task<> task = stage_->loop->create_task(operate_within(*subject_, 1s, outcomes_));
        settle();
        REQUIRE_FALSE(task.done());
        subject_->complete();
        stage_->clock.advance(1s);
        stage_->run_until([&] { return task.done(); });
        REQUIRE(outcomes_.size() == 1);
        check_and_use_again("too late");
    }
    void by_the_loops_end() {
        INFO("the loop ends while it waits");
        begin();
        Task<> task = start_waiting();
        subject_->before_loop_ends();
        stage_->loop.reset();
        CHECK(task.cancelled());
        CHECK(outcomes_.empty());
        CHECK(stage_->lost.empty());
        subject_.reset();
    }

private:
    void begin() {
        stage_ = std::make_unique<Stage>(threads_max_);
        subject_ = make_(*stage_);
        outcomes_.clear();
    }
    void settle() { stage_->turns(20); }
    Task<> start_waiting() {
        Task<> task = stage_->loop->create_task(operate_then_sleep(*subject_, outcomes_));
        settle();
        REQUIRE_FALSE(task.done());
        REQUIRE(outcomes_.empty());
        return task;
    }

    // After complete(): the operation has given its result, or was `ended` before.
    void check_and_use_again(const std::string& ended) {
        if (outcomes_.front() == subject_->gives()) {
            subject_->after_result();
            return use_again();
        }
        CHECK_FALSE(subject_->completes_at_once());
        CHECK(outcomes_.front() == ended);
        if (!subject_->keeps_what_was_not_given()) {
            subject_->after_cancel();
            return use_again();
        }
        // Without another complete().
        outcomes_.clear();
        Task<> next = stage_->loop->create_task(operate_once(*subject_, outcomes_));
        stage_->run_until([&] { return next.done(); });
        CHECK(outcomes_ == Outcomes{subject_->gives()});
        subject_->after_result();
        use_again();
    }
    // As if nothing had been: it waits, and gives what it should, once.
    void use_again() {
        outcomes_.clear();
        Task<> next = stage_->loop->create_task(operate_once(*subject_, outcomes_));
        settle();
        REQUIRE_FALSE(next.done());
        subject_->complete();
        stage_->run_until([&] { return next.done(); });
        stage_->loop->run_until_complete<void>(next);
        CHECK(outcomes_ == Outcomes{subject_->gives()});
        subject_->after_result();
        settle();
        CHECK(stage_->loop->task_count() == subject_->tasks_of_its_own());
        CHECK(stage_->lost.empty());
        subject_->before_loop_ends();
        subject_.reset();
    }

    std::function<std::unique_ptr<Subject>(Stage&)> make_;
    std::size_t threads_max_;
    std::unique_ptr<Stage> stage_;
    std::unique_ptr<Subject> subject_;
    Outcomes outcomes_;
};

}  // namespace detail

// `Kind` is a Subject that is made of a Stage. `threads_max`: of the loop's pool.
template <class Kind>
void check_every_phase(std::size_t threads_max = 4) {
    detail::Phases phases([](Stage& stage) { return std::make_unique<Kind>(stage); }, threads_max);
    phases.before_it_starts();
    phases.while_it_waits();
    phases.in_the_turn_in_which_it_completes();
    phases.by_a_timeout();
    phases.by_a_timeout_in_the_turn_in_which_it_completes();
    phases.by_the_loops_end();
}

}  // namespace cancel_safety
