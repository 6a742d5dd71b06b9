// What stands in the stepper's panels: a heading and lines, the most urgent first. Texts alone.
#pragma once

#include <stepwise/runtime/trace/reducer.hpp>
#include <stepwise/runtime/trace/tools/narration.hpp>
#include <stepwise/runtime/trace/tools/recording.hpp>

#include <string>
#include <vector>

namespace stepwise::trace {

struct Panel {
    std::string heading;
    std::vector<std::string> lines;
};

Panel task_panel(const Recording& recording, const State& state, Language language);
Panel ready_panel(const Recording& recording, const State& state, Language language);
// `now`: the loop's clock.
Panel timer_panel(const Recording& recording, const State& state, std::int64_t now, Language language);
Panel future_panel(const Recording& recording, const State& state, Language language);
// What the kernel was asked for and has not done yet.
Panel kernel_panel(const Recording& recording, const State& state, Language language);

}  // namespace stepwise::trace
