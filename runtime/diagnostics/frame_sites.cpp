#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/diagnostics/frame_sites.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>

#include <algorithm>
#include <array>
#include <unordered_map>

namespace stepwise::detail {

namespace {

// Enough to leave the runtime's own frames behind.
using Site = std::array<void*, 12>;

std::atomic<int> wanted = 0;

std::unordered_map<void*, Site>& sites() {
    thread_local std::unordered_map<void*, Site> own;
    return own;
}

}  // namespace

void begin_frame_sites() noexcept {
    if (wanted.fetch_add(1) == 0) frame_sites = true;
}
void end_frame_sites() noexcept {
    if (wanted.fetch_sub(1) == 1) frame_sites = false;
}

// An address that is used again replaces what stood there: as many are kept as there ever were frames at a time.
void remember_frame_site(void* frame) noexcept {
    try {
        Site& site = sites()[frame];
        std::size_t count = capture_stack(site);
        std::fill(site.begin() + static_cast<std::ptrdiff_t>(count), site.end(), nullptr);
    } catch (...) {
        // Without memory for it the report will say less.
    }
}

std::vector<void*> take_frame_site(void* frame) {
    auto found = sites().find(frame);
    if (found == sites().end()) return {};
    std::vector<void*> site(found->second.begin(), std::find(found->second.begin(), found->second.end(), nullptr));
    sites().erase(found);
    return site;
}

}  // namespace stepwise::detail
