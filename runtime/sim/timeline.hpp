// Virtual time and what is to happen in it. Nothing waits: the reactor jumps from one happening to the next.
//
// Happenings of the same instant come in an order that the seed chooses. What happens may add more, and begin
// threads; it runs no code of the program itself. Each look at the clock costs 100 virtual ns, so that a program that
// spins until some time has passed comes to an end. It belongs to the thread whose turn it is.
#pragma once

#include <stepwise/runtime/clock.hpp>
#include <stepwise/runtime/seeded_random.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace stepwise::sim {

// Something that has a place in the timeline. `what` tells its own happenings apart.
class Happening {
public:
    virtual void happen(unsigned what) = 0;

protected:
    ~Happening() = default;
};

class Timeline final : public Clock {
public:
    explicit Timeline(SeededRandom random) noexcept : random_(random) {}

    TimePoint now() noexcept override { return now_ += look_costs; }
    Duration wait_for(TimePoint due) noexcept override { return due > now_ ? due - now_ : Duration::zero(); }
    void idle_until(TimePoint) noexcept override {}
    std::chrono::system_clock::time_point wall_time() noexcept override {
        return std::chrono::time_point_cast<std::chrono::system_clock::duration>(began_at + now_.time_since_epoch());
    }

    // Without the cost of a look.
    TimePoint present() const noexcept { return now_; }
    void jump_to(TimePoint time) noexcept {
        if (time > now_) now_ = time;
    }

    void add(TimePoint due, std::shared_ptr<Happening> happening, unsigned what);
    std::optional<TimePoint> next_due() const noexcept;
    // Whatever is due, also what that adds. False: there was nothing.
    bool run_due();
    void clear() noexcept { entries_.clear(); }

private:
    struct Entry {
        TimePoint due;
        std::uint64_t lot;     // the order within one instant
        std::uint64_t number;  // and of equal lots
        std::shared_ptr<Happening> happening;
        unsigned what;
    };
    static bool later(const Entry& left, const Entry& right) noexcept;

    static constexpr Duration look_costs = std::chrono::nanoseconds(100);
    // The simulated wall clock begins here: 2026-01-01 00:00:00 UTC.
    static constexpr std::chrono::sys_time<std::chrono::nanoseconds> began_at{std::chrono::seconds(1767225600)};

    SeededRandom random_;
    TimePoint now_{};
    std::uint64_t added_ = 0;
    std::vector<Entry> entries_;  // a heap, the earliest first
};

}  // namespace stepwise::sim
