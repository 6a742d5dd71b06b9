// A recording at one of its moments: goes forward and back, and has the state that the loop had then.
//
// Back is replay from a checkpoint. Refers to the recording, which may grow meanwhile; keeps at most `checkpoints_max`
// states, further apart the longer the recording is. One thread.
#pragma once

#include <stepwise/runtime/trace/reducer.hpp>
#include <stepwise/runtime/trace/tools/narration.hpp>
#include <stepwise/runtime/trace/tools/recording.hpp>

#include <functional>

namespace stepwise::trace {

class Timeline {
public:
    static constexpr std::size_t checkpoints_max = 512;

    explicit Timeline(const Recording& recording) : recording_(recording), checkpoints_(1) {}

    // How many events have happened: 0 is before the first.
    std::size_t position() const noexcept { return position_; }
    const State& state() const noexcept { return reducer_.state(); }
    // Events were dropped, and no keyframe has come since.
    bool lost() const noexcept { return reducer_.lost(); }
    // The event that happened last; nullptr before the first.
    const Record* now() const noexcept { return position_ == 0 ? nullptr : &recording_.events()[position_ - 1]; }

    void seek(std::size_t position);
    // To the next event, or the one before, of which this is true. False: there is none, and nothing has moved.
    bool forward_to(const std::function<bool(const Record&)>& wanted);
    bool back_to(const std::function<bool(const Record&)>& wanted);

private:
    const Recording& recording_;
    Reducer reducer_;
    std::size_t position_ = 0;
    std::size_t apart_ = 512;
    std::vector<Reducer> checkpoints_;  // number n: after n * apart_ events
};

}  // namespace stepwise::trace
