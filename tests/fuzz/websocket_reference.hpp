// RFC 6455's frames read the plain way, from one whole string with everything so far at hand: the events that a
// Protocol of this role must give, in the words of `describe`.
#pragma once

#include <stepwise/ws/protocol.hpp>
#include <string>
#include <string_view>

namespace stepwise::fuzz {

struct Conversation {
    std::string events;
    bool is_idle;  // it ended between two messages, without a Close or an error
};

Conversation read_conversation(ws::Role receiver, std::string_view bytes, const ws::ProtocolOptions& options);

}  // namespace stepwise::fuzz
