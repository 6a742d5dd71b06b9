#include <stepwise/runtime/timer_queue.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace {

using namespace stepwise;

struct Noted : Timer {
    Noted(int own_number, std::vector<int>& to) noexcept
        : Timer([](Timer& timer) noexcept {
              auto& self = static_cast<Noted&>(timer);
              self.fired.push_back(self.number);
          }),
          number(own_number),
          fired(to) {}
    int number;
    std::vector<int>& fired;
};

TimePoint at(int seconds) {
    return TimePoint(std::chrono::seconds(seconds));
}

}  // namespace

TEST_CASE("timers fire by due time, and those of one instant in the order in which they were added") {
    std::vector<int> fired;
    std::deque<Noted> timers;
    TimerQueue queue;
    for (int due : {30, 10, 20, 10, 30, 10}) {
        timers.emplace_back(static_cast<int>(timers.size()), fired);
        queue.add(timers.back(), at(due));
    }
    CHECK(queue.next_due() == at(10));
    CHECK(queue.fire_due(at(9)) == 0);
    CHECK(queue.fire_due(at(10)) == 3);
    CHECK(fired == std::vector<int>{1, 3, 5});
    CHECK(queue.fire_due(at(100)) == 3);
    CHECK(fired == std::vector<int>{1, 3, 5, 2, 0, 4});
    CHECK(queue.empty());
}

TEST_CASE("timers of one instant keep their order while the count of timers passes its end") {
    std::vector<int> fired;
    std::deque<Noted> timers;
    TimerQueue queue(UINT32_MAX - 2);
    for (int number = 0; number < 8; ++number) queue.add(timers.emplace_back(number, fired), at(1));
    queue.fire_due(at(1));
    CHECK(fired == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("a timer that is removed does not fire, and removing it again does nothing") {
    std::vector<int> fired;
    Noted first(1, fired);
    Noted second(2, fired);
    TimerQueue queue;
    queue.add(first, at(1));
    queue.add(second, at(2));
    CHECK(first.armed());
    queue.remove(first);
    queue.remove(first);
    CHECK_FALSE(first.armed());
    CHECK(queue.size() == 1);
    queue.fire_due(at(5));
    CHECK(fired == std::vector<int>{2});
    CHECK_FALSE(second.armed());
}

TEST_CASE("a timer that fires may arm itself again, and another one may be removed by it") {
    TimerQueue queue;
    struct Again : Timer {
        Again(TimerQueue& own, Timer& to_remove) noexcept
            : Timer([](Timer& timer) noexcept {
                  auto& self = static_cast<Again&>(timer);
                  self.queue.remove(self.other);
                  if (++self.times < 3) self.queue.add(self, at(self.times));
              }),
              queue(own),
              other(to_remove) {}
        TimerQueue& queue;
        Timer& other;
        int times = 0;
    };
    std::vector<int> fired;
    Noted other(1, fired);
    Again again(queue, other);
    queue.add(again, at(0));
    queue.add(other, at(0));
    queue.fire_due(at(10));
    CHECK(again.times == 3);
    CHECK(fired.empty());
    CHECK(queue.empty());
}

TEST_CASE("ten thousand timers, added and removed at random, fire in order and none is lost") {
    std::mt19937 random(1);
    std::vector<int> fired;
    std::deque<Noted> timers;
    std::vector<std::pair<int, int>> wanted;
    TimerQueue queue;
    for (int number = 0; number < 10'000; ++number) {
        timers.emplace_back(number, fired);
        int due = static_cast<int>(random() % 500);
        queue.add(timers.back(), at(due));
        wanted.emplace_back(due, number);
        if (random() % 3 != 0) continue;
        std::size_t victim = random() % wanted.size();
        queue.remove(timers[static_cast<std::size_t>(wanted[victim].second)]);
        wanted[victim] = wanted.back();
        wanted.pop_back();
    }
    std::sort(wanted.begin(), wanted.end());
    for (int now = 0; now < 500; now += 7) queue.fire_due(at(now));
    queue.fire_due(at(500));
    REQUIRE(fired.size() == wanted.size());
    for (std::size_t place = 0; place < wanted.size(); ++place) CHECK(fired[place] == wanted[place].second);
}
