// The parts of the floor's rows.
#pragma once

#include <stepwise/tests/bench/runtime/bench.hpp>

#include <span>

namespace bench::floor {

std::span<const Row> loop_rows();
std::span<const Row> cancel_rows();

}  // namespace bench::floor
