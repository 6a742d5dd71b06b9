// What both WebSocket targets check of ws::Protocol: events do not depend on how the bytes were cut and are those of a
// plain reading (websocket_reference.hpp); an error stays; heap is bounded by what arrived and by the limit, and an
// idle connection has none; what an endpoint answers is read by the other end as it was meant.
#pragma once

#include <stepwise/tests/fuzz/support.hpp>
#include <stepwise/ws/protocol.hpp>
#include <string>
#include <string_view>

namespace stepwise::fuzz {

// The end that this target plays: its peer's frames are the input.
extern const ws::Role fuzzed_role;

ws::ProtocolOptions websocket_options(std::uint8_t choice);

// text(hello) · binary(…) · ping(…) · pong(…) · close(1000 bye) · error(1002 RFC 6455 §5.2), each with a space behind
// it.
std::string describe_payload(std::string_view what, std::string_view payload);
std::string describe(const ws::Protocol::Event& event);

// A Protocol that receives the pieces; each is gone before the next one comes.
std::string websocket_events(ws::Role role, const ws::ProtocolOptions& options, const Pieces& pieces);

// All of the above for one input.
void check_conversation(ws::Role role, const Input& input);
// Functions over bytes against loops that are plainly right: masks, headers, UTF-8.
void check_functions(ws::Role role, const Input& input);

}  // namespace stepwise::fuzz
