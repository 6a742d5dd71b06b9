// A message for many connections, encoded once: as it is, and compressed for those who agreed on that.
//
//     ws::SharedEncoder encoder;
//     ws::SharedMessage message = encoder.encode(ws::Opcode::text, "to all");   // who reads it: add(connection)
//
// A compressed frame refers to no earlier message and keeps to the smallest window among the members, so that each of
// them can read it. A SharedMessage may be held and sent by any thread; a SharedEncoder is used by one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <stepwise/net/shared_bytes.hpp>
#include <stepwise/ws/compression.hpp>
#include <stepwise/ws/frame.hpp>
#include <string_view>

namespace stepwise::ws {

class Connection;

struct SharedMessage {
    net::SharedBytes plain;   // whole frames, from a server
    net::SharedBytes packed;  // empty: nobody reads it, or it would not be shorter
    int window_bits = 0;      // of the packed one

    std::size_t size() const noexcept { return plain.size() + packed.size(); }
};

// std::logic_error, with the name of the call, for a client's connection: nothing that is shared has its mask.
void check_takes_shared(const Connection& connection, const char* call);

class SharedEncoder {
public:
    void add(const Connection& member);
    void remove(const Connection& member) noexcept;
    SharedMessage encode(Opcode opcode, std::string_view payload);

private:
    net::SharedBytes frame(Opcode opcode, std::string_view payload, std::uint8_t reserved_bits);

    std::array<std::uint32_t, 16> members_with_{};  // window bits; 0: those who do not compress
    CompressionOptions options_;                    // of who came last
    net::SharedBytesSink frames_;
};

}  // namespace stepwise::ws
