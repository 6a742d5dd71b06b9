// What the protocol tests share: frames as a peer sends them, and what a Protocol makes of bytes however they are cut.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <stepwise/tests/cuts.hpp>
#include <stepwise/ws/protocol.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::ws::test {

using namespace std::string_literals;
using testing::Pieces;
using testing::same_however_cut;
using testing::ShortLived;
using testing::ways_to_cut;

inline constexpr Role both_roles[] = {Role::server, Role::client};

// "server" or "client": for CAPTURE.
std::string_view role_name(Role role);

// Gives a client its mask keys: the same in each run.
MaskKeySource fixed_mask_keys();

// A frame as the peer of `receiver` sends it: masked for a server, plain for a client.
std::string frame_to(Role receiver, Opcode opcode, std::string_view payload, bool fin = true);
std::string close_to(Role receiver, unsigned code, std::string_view reason = {});

// The first two bytes of a frame (and a mask key for a server) with a length byte as given: to write headers that no
// well-behaved peer sends. `length_form` is the 7-bit length field and what follows it.
std::string header_to(Role receiver, unsigned char first_byte, std::string_view length_form);

// One event as text: text(hello) · binary(…) · ping(…) · pong(…) · close(1000 bye) · error(1002 RFC 6455 §5.2).
std::string describe(const Protocol::Event& event);

// The events of a Protocol that receives these pieces, up to an error, joined with spaces. After each piece its bytes
// are overwritten and freed, so that a view which outlives its time is seen; an error must stay, and close.
std::string events_of_pieces(Role role, const Pieces& pieces, const ProtocolOptions& options = {});

// The events of these bytes received whole; checks that byte by byte and every cut in two give the same.
std::string events_of(Role role, std::string_view bytes, const ProtocolOptions& options = {});

// For tests that send between: gives the bytes to the protocol and returns its first event. `cut` 0: byte by byte;
// else in two behind so many bytes, if there are more. A test calls it for each of `cuts`.
std::string receive(Protocol& protocol, std::size_t cut, std::string_view bytes);
inline constexpr std::size_t cuts = 40;

// How many of these bytes a Protocol that gets them one by one takes before it gives an error.
std::size_t bytes_before_error(Role role, std::string_view bytes);

// The error that ends these bytes. The test fails if there is none.
net::ProtocolError error_of(Role role, std::string_view bytes, const ProtocolOptions& options = {});

// How often the program has called operator new so far.
std::size_t allocation_count();

// How many bytes those calls asked for, together.
std::size_t allocated_bytes();

// How many of those calls have not been given back.
std::size_t live_allocation_count();

}  // namespace stepwise::ws::test
