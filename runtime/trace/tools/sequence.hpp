// A recording as a sequence diagram: lanes, and rows of arrows and notes.
//
// An arrow is one `by` link, or several in a row whose middle is not shown: never a guess from times. Bytes are drawn
// between their descriptor, the peer, and the lane that moved them. What writes a diagram (writers.hpp) draws the rows
// as they are.
#pragma once

#include <stepwise/runtime/trace/tools/narration.hpp>
#include <stepwise/runtime/trace/tools/recording.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::trace {

// In the order in which they stand side by side.
enum class LaneOf : std::uint8_t { peers, kernel, loop, tasks, threads };
inline constexpr std::size_t lane_groups = 5;

struct Lane {
    LaneOf of = LaneOf::loop;
    std::uint32_t id = 0;  // a task's number, a thread's, a descriptor
    std::string name;
};

struct Row {
    std::size_t from = 0;  // lanes; the same one for a note
    std::size_t to = 0;
    std::string label;
    std::uint64_t seq = 0;
    std::uint64_t cause = 0;  // where the arrow begins; 0 for a note
    double seconds = 0;

    bool is_note() const noexcept { return from == to; }
};

struct Sequence {
    std::vector<Lane> lanes;
    std::vector<Row> rows;
    std::size_t rows_left_out = 0;  // there were more than rows_max
};

struct Wanted {
    static constexpr std::size_t rows_max = 2000;

    bool lanes[lane_groups] = {true, true, true, true, true};
    bool hidden[static_cast<std::size_t>(Kind::kinds)] = {};
    bool everything = false;  // every event, not those alone that a person wants to hear of
    std::uint64_t first = 0;  // numbers of events, both included
    std::uint64_t last = UINT64_MAX;
    Language language = Language::english;
};

Sequence sequence_of(const Recording& recording, const Wanted& wanted);

// "tasks,loop" … False: one of them is no lane.
bool choose_lanes(std::string_view names, Wanted& wanted) noexcept;

// "timer.add,select.enter,net": kinds and groups that are not drawn. False: one of them is neither.
bool hide_kinds(std::string_view names, Wanted& wanted) noexcept;

// "await sleep 08_coroutine.cpp:41": in the trace's own words, short.
std::string label_of(const Recording& recording, const Record& event);

// Where an event happened.
class Lanes {
public:
    explicit Lanes(const Recording& recording) noexcept : recording_(recording) {}
    // A lane without its name.
    Lane of(const Record& event) const noexcept;
    std::string name(const Lane& lane, Language language) const;

private:
    // Where what caused it ran.
    Lane of_cause(const Record& event) const noexcept;

    const Recording& recording_;
};

}  // namespace stepwise::trace
