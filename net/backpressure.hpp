// What debug mode tells of a connection for which more and more is queued: Lint::Rule::no_backpressure. The loop's
// thread; from within the call that writes, whose place is told.
#pragma once

#include <stepwise/net/transport.hpp>

#include <string_view>

namespace stepwise::net {

// `what_follows`: for the report's first sentence, behind how much is queued, and for whom. Outside of debug mode
// nothing.
void report_no_backpressure(const Transport& transport, std::string_view what_follows, std::string_view cure) noexcept;

}  // namespace stepwise::net
