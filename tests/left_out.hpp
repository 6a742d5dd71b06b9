// Cases that need what the simulator has not: real threads, programs, descriptors. Left out there, and told with why.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string_view>

inline bool is_left_out_on_simulator(const char* why) {
    const char* reactor = std::getenv("STEPWISE_REACTOR");
    bool is_simulated = reactor != nullptr && std::string_view(reactor) == "sim";
    if (is_simulated) MESSAGE("not on the simulator: " << why);
    return is_simulated;
}
