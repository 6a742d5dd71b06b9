// In debug mode: where each Coro that has not ended was made. Per thread.
#pragma once

#include <vector>

namespace stepwise {

class EventLoop;

}  // namespace stepwise

namespace stepwise::detail {

// Counts: as many ends as begins. Any thread.
void begin_frame_sites() noexcept;
void end_frame_sites() noexcept;
bool loop_debugs(const EventLoop* loop) noexcept;
// The stack on which the frame was made; empty if it was not noted.
std::vector<void*> take_frame_site(void* frame);

}  // namespace stepwise::detail
