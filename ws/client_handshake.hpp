// The opening handshake, client side (RFC 6455 §4.1): what a request must have besides its target and Host, and whether
// a response opens the connection.
//
//     std::string key = ws::make_client_key(random);
//     ws::UpgradeResponse response{.status = 101};
//     std::optional<net::ProtocolError> refused = ws::check_response(response, key);
//
// Bytes and views only: it knows no HTTP types, draws no random numbers (the key's bytes are given), and what a server
// answers never throws.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stepwise/net/protocol_error.hpp>
#include <stepwise/ws/compression.hpp>
#include <stepwise/ws/field_values.hpp>
#include <string>
#include <string_view>

namespace stepwise::ws {

// The value of Sec-WebSocket-Key. The bytes must be unpredictable, and new for each connection.
[[nodiscard]] std::string make_client_key(std::span<const std::byte, 16> random);

// What the handshake needs of a response.
struct UpgradeResponse {
    int status = 0;
    FieldValues upgrade{};
    FieldValues connection{};
    FieldValues sec_websocket_accept{};
    FieldValues sec_websocket_protocol{};
    FieldValues sec_websocket_extensions{};

    // Takes any header field: keeps those above, passes over the others. Names are compared without case.
    void add_field(std::string_view name, std::string_view value);
};

// Nothing: the connection is open, and the next byte either way is a frame's. Else why it is not; the error's code is
// the response's status. `offered`: the subprotocols of the request; `compression`: what it offers of that.
[[nodiscard]] std::optional<net::ProtocolError> check_response(const UpgradeResponse& response, std::string_view key,
                                                               std::span<const std::string> offered = {},
                                                               const CompressionOptions& compression = {
                                                                   .enabled = false});

// The one that the server chose, of a response that was checked; empty: none.
[[nodiscard]] inline std::string_view chosen_subprotocol(const UpgradeResponse& response) {
    return response.sec_websocket_protocol.empty() ? std::string_view() : response.sec_websocket_protocol.front();
}

// How messages are compressed, by a response that was checked with the same options; nothing: they are not.
[[nodiscard]] std::optional<CompressionTerms> agreed_compression(const UpgradeResponse& response,
                                                                 const CompressionOptions& compression);

}  // namespace stepwise::ws
