// Diagrams as files: Mermaid, SVG, and Perfetto's TrackEvent protobuf.
#pragma once

#include <stepwise/runtime/trace/tools/sequence.hpp>

#include <string>

namespace stepwise::trace {

// A sequenceDiagram. Names and labels are escaped: nothing that a program calls itself can break it.
std::string as_mermaid(const Sequence& sequence, Language language);

// Self-contained, light, text of 16 and more, for a projector. Times stand beside the rows if they are wanted: the
// same run on another machine has others.
std::string as_svg(const Sequence& sequence, const std::string& title, Language language, bool times);

// Bytes for ui.perfetto.dev: a track for each lane, slices for turns, handles, steps, waits for the kernel and jobs,
// instants for the rest, and a flow for each `by` link.
std::string as_perfetto(const Recording& recording, const Wanted& wanted);

}  // namespace stepwise::trace
