// A mistake of the peer, as a value: parsers never throw on what a peer sends.
//
// `code` is what the peer must be told: an HTTP status (400, 413, 431, 501, 505 …) or a WebSocket close code
// (1002, 1007, 1009). `section` names the rule that was broken ("RFC 9112 §3.2"). `message` is one sentence for a
// person: what happened, and where a limit was hit, which option decides it.
#pragma once

#include <string>
#include <string_view>

namespace stepwise::net {

struct ProtocolError {
    int code;
    std::string_view section;  // static storage
    std::string message;
};

}  // namespace stepwise::net
