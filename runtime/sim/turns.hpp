// The threads of one simulation take turns: one runs at a time, until it sleeps, waits or ends.
//
// Who gives its turn away hands it to one that is ready, by the seed; where none is, the clock goes on to the next
// happening. The threads are real, so that a wrong one is found out as ever; whatever they share is handed over with
// the turn. Where nobody can ever go on, one that waits is told so with std::logic_error. All of it is for the thread
// whose turn it is.
#pragma once

#include <stepwise/runtime/seeded_random.hpp>
#include <stepwise/runtime/sim/timeline.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace stepwise::sim {

class Turns {
public:
    Turns(Timeline& timeline, SeededRandom random) noexcept : timeline_(timeline), random_(random) {}
    Turns(const Turns&) = delete;
    Turns& operator=(const Turns&) = delete;

    // No other thread waits for its turn.
    bool alone() const noexcept { return waiting_.empty(); }
    // Until `is_ready` or `due`. Whoever has the turn asks is_ready, perhaps often. One that only waits for another
    // thread's end is the last to hear that nothing goes on.
    void wait(TimePoint due, const std::function<bool()>& is_ready, bool for_an_end = false);
    // A new thread, which is ready, and keeps `world` to its very end. `body` throws nothing. std::system_error where
    // there is none to be had.
    std::thread start(std::function<void()> body, std::shared_ptr<const void> world);
    // The same in two steps: until it is let in it has no part in the simulation. One that is not to run after all is
    // sent away before it is joined.
    struct Place;
    struct Newcomer {
        std::thread thread;
        std::shared_ptr<Place> place;
    };
    Newcomer prepare(std::function<void()> body, std::shared_ptr<const void> world);
    void let_in(Newcomer& newcomer);
    void send_away(Newcomer& newcomer) noexcept;
    // This thread has no part in the simulation any more.
    void leave() noexcept;

private:
    // Who is next, out of the queue.
    Place& choose();
    Place* one_that_is_ready();
    bool go_on_in_time();
    void give_turn(Place& place) noexcept;
    void wait_for_turn(Place& place);

    Timeline& timeline_;
    SeededRandom random_;
    std::mutex mutex_;  // guards has_turn: all else belongs to whoever has the turn
    std::vector<Place*> waiting_;
};

}  // namespace stepwise::sim
