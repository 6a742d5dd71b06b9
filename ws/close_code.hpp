// The numbers that say why a WebSocket connection ended: RFC 6455 §7.4.1 and the registry that it set up (1012–1014).
//
//     std::string_view words = ws::name(ws::CloseCode::going_away);            // "going away"
//     bool sendable = ws::is_valid_on_wire(ws::CloseCode::abnormal_closure);   // false
//
// A CloseCode may hold any 16-bit number, as peers send numbers that no list knows. `is_valid_on_wire` tells which may
// stand in a Close frame; 1005, 1006 and 1015 are only ever made locally, to report what did not arrive.
#pragma once

#include <cstdint>
#include <string_view>

namespace stepwise::ws {

enum class CloseCode : std::uint16_t {
    normal_closure = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    no_status_received = 1005,  // a Close frame without a code; never sent
    abnormal_closure = 1006,    // the connection ended without a Close frame; never sent
    invalid_payload_data = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    mandatory_extension = 1010,
    internal_error = 1011,
    service_restart = 1012,
    try_again_later = 1013,
    bad_gateway = 1014,
    tls_handshake = 1015,  // TLS failed; never sent
};

// Whether this code may stand in a Close frame (RFC 6455 §7.4.1, §7.4.2): 3000–3999 are registered by libraries,
// 4000–4999 belong to applications.
constexpr bool is_valid_on_wire(CloseCode code) {
    const auto number = static_cast<std::uint16_t>(code);
    return (number >= 1000 && number <= 1003) || (number >= 1007 && number <= 1014) ||
           (number >= 3000 && number <= 4999);
}

// A short name for logs and error messages.
constexpr std::string_view name(CloseCode code) {
    switch (code) {
        case CloseCode::normal_closure:
            return "normal closure";
        case CloseCode::going_away:
            return "going away";
        case CloseCode::protocol_error:
            return "protocol error";
        case CloseCode::unsupported_data:
            return "unsupported data";
        case CloseCode::no_status_received:
            return "no status received";
        case CloseCode::abnormal_closure:
            return "abnormal closure";
        case CloseCode::invalid_payload_data:
            return "invalid payload data";
        case CloseCode::policy_violation:
            return "policy violation";
        case CloseCode::message_too_big:
            return "message too big";
        case CloseCode::mandatory_extension:
            return "mandatory extension";
        case CloseCode::internal_error:
            return "internal error";
        case CloseCode::service_restart:
            return "service restart";
        case CloseCode::try_again_later:
            return "try again later";
        case CloseCode::bad_gateway:
            return "bad gateway";
        case CloseCode::tls_handshake:
            return "TLS handshake failed";
    }
    const auto number = static_cast<std::uint16_t>(code);
    if (number >= 3000 && number <= 3999) return "registered by a library";
    if (number >= 4000 && number <= 4999) return "defined by the application";
    return "unknown";
}

}  // namespace stepwise::ws
