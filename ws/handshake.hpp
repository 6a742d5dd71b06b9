// The opening handshake, server side (RFC 6455 §4.2): is this HTTP request a WebSocket upgrade that we can accept?
//
//     ws::UpgradeRequest request{.method = "GET"};
//     request.add_field("Upgrade", "websocket");
//     ws::UpgradeResult result = ws::check_upgrade(request);
//
// Bytes and views only: an UpgradeRequest borrows the field values of an HTTP request and knows no HTTP types. The
// answer is a value: UpgradeAccepted has what the 101 response says, UpgradeRejected the status and fields of the
// refusal. Whether the page's origin may connect is the application's decision; `same_origin` is the usual one.
#pragma once

#include <optional>
#include <span>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/protocol_error.hpp>
#include <stepwise/ws/compression.hpp>
#include <stepwise/ws/field_values.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace stepwise::ws {

// What the handshake needs of a request.
struct UpgradeRequest {
    std::string_view method;
    int http_minor = 1;
    FieldValues host{};
    FieldValues upgrade{};
    FieldValues connection{};
    FieldValues sec_websocket_key{};
    FieldValues sec_websocket_version{};
    FieldValues sec_websocket_protocol{};
    FieldValues sec_websocket_extensions{};
    FieldValues origin{};

    // Takes any header field: keeps those above, passes over the others. Names are compared without case.
    void add_field(std::string_view name, std::string_view value);
};

struct HandshakeField {
    std::string_view name;
    std::string_view value;
};

struct UpgradeAccepted {
    std::string accept_key;        // the value of Sec-WebSocket-Accept
    std::string_view subprotocol;  // one of the server's, or empty: none
    std::optional<CompressionTerms> compression{};
};

struct UpgradeRejected {
    net::ProtocolError error;                // its code is the HTTP status
    std::span<const HandshakeField> fields;  // what the response must have besides; static storage
};

using UpgradeResult = std::variant<UpgradeAccepted, UpgradeRejected>;

// `subprotocols` are those the server speaks; the client's order decides, names are compared exactly. Without
// `compression`, messages go as they are.
[[nodiscard]] UpgradeResult check_upgrade(const UpgradeRequest& request,
                                          std::span<const std::string_view> subprotocols = {},
                                          const CompressionOptions& compression = {.enabled = false});

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2, step 5.4).
[[nodiscard]] std::string accept_key(std::string_view client_key);

// Whether an Origin names the same scheme-port and host as a Host field ("example.com:8080"). Only http and https
// origins can; "null" never does. A port that is left out is the default of the origin's scheme.
[[nodiscard]] bool same_origin(std::string_view origin, std::string_view host);

// The same for a request. One without Origin passes: it does not come from a page in a browser (RFC 6455 §10.2).
[[nodiscard]] bool same_origin(const UpgradeRequest& request);

// The refusal for a request whose origin the application does not let in: 403 (RFC 6455 §4.2.2, step 4).
[[nodiscard]] UpgradeRejected reject_origin(const UpgradeRequest& request);

// Appends the whole 101 response, up to and with its empty line. The next byte either way is a frame's.
template <net::ByteSink Sink>
void append_accept_response(Sink& sink, const UpgradeAccepted& accepted) {
    net::append(sink,
                "HTTP/1.1 101 Switching Protocols\r\n"
                "Upgrade: websocket\r\n"
                "Connection: Upgrade\r\n"
                "Sec-WebSocket-Accept: ");
    net::append(sink, accepted.accept_key);
    if (!accepted.subprotocol.empty()) {
        net::append(sink, "\r\nSec-WebSocket-Protocol: ");
        net::append(sink, accepted.subprotocol);
    }
    if (accepted.compression) {
        net::append(sink, "\r\nSec-WebSocket-Extensions: ");
        net::append(sink, extension_field(*accepted.compression));
    }
    net::append(sink, "\r\n\r\n");
}

}  // namespace stepwise::ws
