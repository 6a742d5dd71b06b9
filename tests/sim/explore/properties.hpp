// What is explored: each property makes its servers and its clients, and checks every message and every end.
#pragma once

#include <stepwise/tests/sim/explore/explorer.hpp>

namespace explore {

// Whether a fault struck that may end a connection: else nothing may be lost.
bool may_have_broken();
std::string random_text(Trial& trial, std::size_t bytes_max);

Coro<void> echo(Trial& trial);
Coro<void> http_keep_alive(Trial& trial);
Coro<void> chat(Trial& trial);

}  // namespace explore
