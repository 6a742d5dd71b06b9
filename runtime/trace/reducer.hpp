// Rebuilds what a loop looked like, at any event of its trace, from the events alone.
//
// At each snap the hash of the rebuilt state must be the one that the runtime has made of its own lists. Readers only.
// One thread.
#pragma once

#include <stepwise/runtime/trace/record.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

namespace stepwise::trace {

struct State {
    struct Frame {
        std::uint32_t id;
        std::uint32_t at;  // a source: the function, as it was called
    };
    struct Task {
        std::uint32_t number = 0;  // Task-7 is 7
        std::uint32_t parent = 0;
        std::uint32_t name = 0;  // a string, or 0
        std::uint32_t made_at = 0;
        bool suspended = false;
        std::uint32_t awaits_future = 0;
        std::uint32_t awaits_operation = 0;
        std::uint32_t awaits_what = 0;  // a string
        std::uint32_t awaits_at = 0;    // a source
        std::vector<Frame> frames;      // the root first
    };
    struct Timer {
        std::int64_t due = 0;
        std::uint32_t order = 0;
        std::uint32_t at = 0;
    };
    struct Future {
        std::uint32_t made_at = 0;
        std::uint8_t state = 0;  // FutureBase::State
    };
    struct Operation {
        std::uint32_t call = 0;  // a string
        std::uint32_t fd = 0;
    };

    std::int64_t turn = 0;
    std::uint8_t phase = 0;
    std::uint32_t running = 0;        // the handle that runs, or 0
    std::deque<std::uint32_t> ready;  // handles, the next one first; a task's handle has the task's number
    std::map<std::uint32_t, Timer> timers;
    std::map<std::uint32_t, Task> tasks;  // those that are not done; the newest has the highest number
    std::map<std::uint32_t, Future> futures;
    std::map<std::uint32_t, Operation> operations;

    std::uint64_t hash() const noexcept;
};

class Reducer {
public:
    // In the order of the trace.
    void apply(const Record& event);
    const State& state() const noexcept { return state_; }
    // Events were dropped, and no keyframe has come since: the state is not to be trusted.
    bool lost() const noexcept { return lost_; }

private:
    void forget_all();
    void apply_to_handles(const Record& event);
    void apply_to_tasks(const Record& event);
    void apply_to_others(const Record& event);

    State state_;
    bool lost_ = false;
    bool in_keyframe_ = false;
};

// A whole trace, to look at from any of its events.
class History {
public:
    static constexpr std::size_t checkpoint_every = 512;

    explicit History(std::vector<Record> events);
    std::span<const Record> events() const noexcept { return events_; }
    // After the first `count` events; forward or back, at most checkpoint_every events are applied.
    const State& state_after(std::size_t count);
    bool lost() const noexcept { return now_.lost(); }

private:
    std::vector<Record> events_;
    std::vector<Reducer> checkpoints_;  // after 0, checkpoint_every, … events
    Reducer now_;
    std::size_t applied_ = 0;
};

}  // namespace stepwise::trace
