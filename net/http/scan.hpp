// What the scanners of the protocol share: the result of a step, and where a peer's mistake goes. A scanner is given
// the block of bytes it works on anew at every call, as the block may have grown or moved; it remembers offsets only,
// and never looks at a byte twice, however the bytes were split on their way.
#pragma once

#include <cstdint>
#include <memory>
#include <stepwise/net/protocol_error.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

enum class ScanResult : std::uint8_t {
    need_more,  // all bytes were looked at; call again with more
    item,       // one more field, or one more piece of content
    done,       // the section ended
    failed      // the error slot was filled
};

// Empty as long as the peer made no mistake: 8 bytes for what seldom happens.
using ErrorSlot = std::unique_ptr<net::ProtocolError>;

ScanResult fail(ErrorSlot& error, int status, std::string_view section, std::string message);

// Bytes [begin, begin + size) of a block that is known elsewhere.
struct Span {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;

    std::string_view in(const char* block) const { return {block + begin, size}; }
};

// "a bare LF", "a bare CR", "NUL", "byte 0x07": how a message calls a byte that may not stand where it stood.
std::string name_of_byte(char byte);

}  // namespace stepwise::http
