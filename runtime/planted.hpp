// Bugs that are put in on purpose, to see that the tests find them: `if (planted("lost_wakeup")) return;`
//
// Only a build with -Dplanted_bugs=true has them, and there only the one that STEPWISE_PLANT names. In any other build
// each is a constant, and costs nothing. tests/sim/README.md lists them.
#pragma once

#include <cstdlib>
#include <string_view>

namespace stepwise {

#ifdef STEPWISE_PLANTED_BUGS
inline bool planted(std::string_view name) noexcept {
    static const char* const chosen = std::getenv("STEPWISE_PLANT");
    return chosen != nullptr && name == chosen;
}
#else
constexpr bool planted(std::string_view) noexcept {
    return false;
}
#endif

}  // namespace stepwise
