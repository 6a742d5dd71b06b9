#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <stepwise/ws/field_values.hpp>
#include <stepwise/ws/handshake.hpp>
#include <utility>

namespace stepwise::ws {
namespace {

bool is_base64(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// 16 bytes are 22 characters and two of padding. The four bits that the last character has to spare are not looked
// at: clients exist that draw 22 random characters.
bool is_client_key(std::string_view key) {
    return key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.begin() + 22, is_base64);
}

constexpr HandshakeField needs_get[] = {{"Allow", "GET"}};
// RFC 9110 §7.8: who sends Upgrade also names it in Connection.
constexpr HandshakeField needs_upgrade[] = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
constexpr HandshakeField needs_version[] = {
    {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "13"}};

UpgradeRejected reject(int status, std::string_view section, std::string message,
                       std::span<const HandshakeField> fields = {}) {
    return {{status, section, std::move(message)}, fields};
}

// What HTTP asks of any upgrade.
std::optional<UpgradeRejected> check_http(const UpgradeRequest& request) {
    if (!has_token(request.upgrade, "websocket")) {
        return reject(426, "RFC 9110 §15.5.22", "this address speaks WebSocket: the request needs Upgrade: websocket",
                      needs_upgrade);
    }
    if (request.method != "GET") {
        return reject(405, "RFC 6455 §4.2.1", "a WebSocket upgrade must be a GET request", needs_get);
    }
    if (request.http_minor < 1) {
        return reject(400, "RFC 6455 §4.2.1", "a WebSocket upgrade needs HTTP/1.1; the request is HTTP/1.0");
    }
    if (request.host.size() != 1) {
        return reject(400, "RFC 6455 §4.2.1",
                      fmt::format("a WebSocket upgrade needs one Host field; the request has {}", request.host.size()));
    }
    if (!has_token(request.connection, "upgrade")) {
        return reject(400, "RFC 6455 §4.2.1", "a WebSocket upgrade needs Connection: Upgrade");
    }
    return std::nullopt;
}

// What the WebSocket protocol adds.
std::optional<UpgradeRejected> check_websocket(const UpgradeRequest& request) {
    const FieldValues& version = request.sec_websocket_version;
    if (version.size() > 1) return reject(400, "RFC 6455 §11.3.5", "Sec-WebSocket-Version is there more than once");
    if (version.empty() || version[0] != "13") {
        return reject(426, "RFC 6455 §4.4", "Sec-WebSocket-Version must be 13", needs_version);
    }
    const FieldValues& key = request.sec_websocket_key;
    if (key.empty()) return reject(400, "RFC 6455 §4.2.1", "a WebSocket upgrade needs Sec-WebSocket-Key");
    if (key.size() > 1) return reject(400, "RFC 6455 §11.3.1", "Sec-WebSocket-Key is there more than once");
    if (!is_client_key(key[0])) {
        return reject(400, "RFC 6455 §4.2.1", "Sec-WebSocket-Key is not the base64 form of 16 bytes");
    }
    return std::nullopt;
}

struct HostAndPort {
    std::string_view host;
    std::string_view port;  // empty: left out
};

HostAndPort split_port(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const bool inside_ipv6 = colon != std::string_view::npos && text.find(']', colon) != std::string_view::npos;
    if (colon == std::string_view::npos || inside_ipv6) return {text, {}};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

void UpgradeRequest::add_field(std::string_view name, std::string_view value) {
    const std::pair<std::string_view, FieldValues*> known[] = {
        {"Host", &host},
        {"Upgrade", &upgrade},
        {"Connection", &connection},
        {"Sec-WebSocket-Key", &sec_websocket_key},
        {"Sec-WebSocket-Version", &sec_websocket_version},
        {"Sec-WebSocket-Protocol", &sec_websocket_protocol},
        {"Sec-WebSocket-Extensions", &sec_websocket_extensions},
        {"Origin", &origin},
    };
    for (const auto& [known_name, values] : known) {
        if (equal_ignoring_case(name, known_name)) values->push_back(value);
    }
}

std::string accept_key(std::string_view client_key) {
    std::string text(client_key);
    text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // fixed by RFC 6455 §1.3
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<unsigned char, 29> encoded;  // 20 bytes become 28 characters and OpenSSL's terminating zero
    const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
    return std::string(encoded.begin(), encoded.begin() + size);
}

UpgradeResult check_upgrade(const UpgradeRequest& request, std::span<const std::string_view> subprotocols,
                            const CompressionOptions& compression) {
    if (auto rejected = check_http(request)) return std::move(*rejected);
    if (auto rejected = check_websocket(request)) return std::move(*rejected);
    const auto offers = parse_extensions(request.sec_websocket_extensions);
    if (!offers) return reject(400, "RFC 6455 §9.1", "Sec-WebSocket-Extensions is not a list of extensions");
    UpgradeAccepted accepted{accept_key(request.sec_websocket_key[0]), {}, accept_compression(*offers, compression)};
    find_element(request.sec_websocket_protocol, [&](std::string_view offered) {
        const auto found = std::find(subprotocols.begin(), subprotocols.end(), offered);
        if (found == subprotocols.end()) return false;
        accepted.subprotocol = *found;
        return true;
    });
    return accepted;
}

bool same_origin(std::string_view origin, std::string_view host) {
    const std::size_t scheme_end = origin.find("://");
    if (scheme_end == std::string_view::npos) return false;
    const std::string_view scheme = origin.substr(0, scheme_end);
    const bool is_http = equal_ignoring_case(scheme, "http");
    if (!is_http && !equal_ignoring_case(scheme, "https")) return false;
    const std::string_view default_port = is_http ? "80" : "443";
    const auto port_or_default = [=](std::string_view port) { return port.empty() ? default_port : port; };
    const HostAndPort page = split_port(origin.substr(scheme_end + 3));
    const HostAndPort server = split_port(host);
    return !page.host.empty() && equal_ignoring_case(page.host, server.host) &&
           port_or_default(page.port) == port_or_default(server.port);
}

bool same_origin(const UpgradeRequest& request) {
    if (request.origin.empty()) return true;
    return request.origin.size() == 1 && request.host.size() == 1 && same_origin(request.origin[0], request.host[0]);
}

UpgradeRejected reject_origin(const UpgradeRequest& request) {
    const std::string_view origin = request.origin.empty() ? "(none)" : request.origin[0];
    const std::string_view host = request.host.empty() ? "(none)" : request.host[0];
    return reject(403, "RFC 6455 §4.2.2",
                  fmt::format("a page of {} may not open a WebSocket of {}: another origin", origin, host));
}

}  // namespace stepwise::ws
