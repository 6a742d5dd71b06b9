// The gate of a traced loop: where a listener may hold it, between two handles and at the edges of phases and turns.
//
// Commands are lines: `pause`, `continue`, `step handle|task|phase|turn`, `until task N`, `until future N`,
// `until kind NAME`, `until line FILE:LINE`. While the loop is held its clock stands still. A listener that goes away
// lets it go. The loop's thread.
#pragma once

#include <stepwise/runtime/clock.hpp>
#include <stepwise/runtime/trace/record.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace stepwise::trace {

// The loop's clock, less the time that it was held.
class HeldClock final : public Clock {
public:
    explicit HeldClock(Clock& clock) noexcept : clock_(clock) {}

    TimePoint now() noexcept override { return clock_.now() - held(); }
    Duration wait_for(TimePoint due) noexcept override { return clock_.wait_for(due + held()); }
    void idle_until(TimePoint due) noexcept override { clock_.idle_until(due + held()); }

    void was_held(Duration time) noexcept { held_ns_.fetch_add(time.count(), std::memory_order_relaxed); }
    Duration held() const noexcept { return Duration(held_ns_.load(std::memory_order_relaxed)); }

private:
    Clock& clock_;
    std::atomic<std::int64_t> held_ns_ = 0;  // other threads look at the clock, too
};

class Gate {
public:
    enum class Edge : std::uint8_t { handle, task, phase, turn };

    static constexpr std::size_t line_bytes_max = 256;

    // `held`: from the first edge on.
    explicit Gate(bool held) noexcept : wants_(held ? Wants::any : Wants::nothing) {}

    // Whether the loop is to be held at this edge.
    bool holds_at(Edge edge) const noexcept;
    bool wants_events() const noexcept {
        return until_kind_ != Kind::nothing || until_task_ != 0 || until_future_ != 0 || until_at_ != 0;
    }
    // An event was written: is it what `until` waits for?
    void saw(const Record& event) noexcept;
    // One command. False: it is none.
    bool obey(std::string_view line) noexcept;
    // Nobody is there any more, or all may run.
    void open() noexcept;
    // The loop stands and waits; the next command that lets it go ends that.
    void wait_for_permit() noexcept { waits_ = true; }
    bool waits_for_permit() const noexcept { return waits_; }
    // Whether the last command has let it go: what comes behind it is for the next stop.
    bool released_once() noexcept { return std::exchange(released_, false); }

    // Of `until line`: empty if it is not asked for; the source's number once it is known.
    std::string_view until_file() const noexcept { return {until_file_, until_file_bytes_}; }
    unsigned until_line() const noexcept { return until_line_; }
    void until_source(std::uint32_t id) noexcept { until_at_ = id; }

    // What was read and is no whole line yet.
    char input[line_bytes_max];
    std::size_t input_bytes = 0;

private:
    enum class Wants : std::uint8_t { nothing, any, handle, task, phase, turn };

    void let_go() noexcept;
    bool step(std::string_view what) noexcept;
    bool until(std::string_view what) noexcept;
    void forget_until() noexcept;

    Wants wants_;
    bool waits_ = false;
    bool released_ = false;
    Kind until_kind_ = Kind::nothing;
    std::uint32_t until_task_ = 0;
    std::uint32_t until_future_ = 0;
    std::uint32_t until_at_ = 0;
    unsigned until_line_ = 0;
    std::size_t until_file_bytes_ = 0;
    char until_file_[line_bytes_max];
};

}  // namespace stepwise::trace
