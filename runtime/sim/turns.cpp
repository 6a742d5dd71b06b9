#include <stepwise/runtime/sim/turns.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace stepwise::sim {

struct Turns::Place {
    Place(TimePoint until, const std::function<bool()>& ready, bool is_for_an_end) noexcept
        : due(until), is_ready(ready), for_an_end(is_for_an_end) {}

    TimePoint due;
    const std::function<bool()>& is_ready;
    bool for_an_end;
    bool has_turn = false;
    bool nothing_goes_on = false;
    bool sent_away = false;
    std::condition_variable got_turn;
};

void Turns::wait(TimePoint due, const std::function<bool()>& is_ready, bool for_an_end) {
    Place own(due, is_ready, for_an_end);
    waiting_.push_back(&own);
    struct Leaving {
        ~Leaving() { std::erase(waiting, own); }
        std::vector<Place*>& waiting;
        Place* own;
    };
    {
        // What happens meanwhile may throw.
        Leaving leaving{waiting_, &own};
        Place& next = choose();
        leaving.own = nullptr;
        if (&next != &own) {
            give_turn(next);
            wait_for_turn(own);
        }
    }
    if (!own.nothing_goes_on) return;
    throw std::logic_error(
        "the simulated world is at rest: nothing is on its way and no timer runs, so that nothing can wake what waits "
        "here; a real loop would wait for ever");
}

std::thread Turns::start(std::function<void()> body, std::shared_ptr<const void> world) {
    waiting_.reserve(waiting_.size() + 1);
    Newcomer newcomer = prepare(std::move(body), std::move(world));
    let_in(newcomer);
    return std::move(newcomer.thread);
}

Turns::Newcomer Turns::prepare(std::function<void()> body, std::shared_ptr<const void> world) {
    static const std::function<bool()> always = [] { return true; };
    auto place = std::make_shared<Place>(TimePoint::max(), always, false);
    auto in_turns = [this, place, body = std::move(body), world = std::move(world)]() mutable {
        wait_for_turn(*place);
        if (place->sent_away) return;
        body();
        body = nullptr;  // what it holds ends in its own turn
        leave();
    };
    std::thread thread(std::move(in_turns));
    return {std::move(thread), std::move(place)};
}

void Turns::let_in(Newcomer& newcomer) {
    waiting_.push_back(newcomer.place.get());
}

void Turns::send_away(Newcomer& newcomer) noexcept {
    newcomer.place->sent_away = true;
    give_turn(*newcomer.place);
}

void Turns::leave() noexcept {
    if (!waiting_.empty()) give_turn(choose());
}

Turns::Place& Turns::choose() {
    Place* chosen = one_that_is_ready();
    while (chosen == nullptr && go_on_in_time()) chosen = one_that_is_ready();
    if (chosen == nullptr) {
        // Who waits for a thread's end can go on when that thread has been told.
        auto found = std::ranges::find(waiting_, false, &Place::for_an_end);
        chosen = found == waiting_.end() ? waiting_.front() : *found;
        chosen->nothing_goes_on = true;
    }
    std::erase(waiting_, chosen);
    return *chosen;
}

Turns::Place* Turns::one_that_is_ready() {
    std::vector<Place*> ready;
    for (Place* place : waiting_) {
        if (place->due <= timeline_.present() || place->is_ready()) ready.push_back(place);
    }
    if (ready.empty()) return nullptr;
    return ready.size() == 1 ? ready.front() : ready[random_.below(ready.size())];
}

bool Turns::go_on_in_time() {
    TimePoint next = timeline_.next_due().value_or(TimePoint::max());
    for (const Place* place : waiting_) next = std::min(next, place->due);
    if (next == TimePoint::max()) return false;
    timeline_.jump_to(next);
    timeline_.run_due();
    return true;
}

void Turns::give_turn(Place& place) noexcept {
    std::lock_guard lock(mutex_);
    place.has_turn = true;
    place.got_turn.notify_one();
}

void Turns::wait_for_turn(Place& place) {
    std::unique_lock lock(mutex_);
    place.got_turn.wait(lock, [&place] { return place.has_turn; });
}

}  // namespace stepwise::sim
