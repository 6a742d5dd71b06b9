#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <stepwise/ws/client_handshake.hpp>
#include <stepwise/ws/handshake.hpp>
#include <utility>

namespace stepwise::ws {

namespace {

CompressionAnswer compression_answer(const UpgradeResponse& response, const CompressionOptions& compression) {
    const auto extensions = parse_extensions(response.sec_websocket_extensions);
    if (!extensions) return "Sec-WebSocket-Extensions is not a list of extensions";
    return read_compression_answer(*extensions, compression);
}

}  // namespace

std::string make_client_key(std::span<const std::byte, 16> random) {
    std::array<unsigned char, 25> encoded;  // 16 bytes become 24 characters and OpenSSL's terminating zero
    const int size = EVP_EncodeBlock(encoded.data(), reinterpret_cast<const unsigned char*>(random.data()),
                                     static_cast<int>(random.size()));
    return std::string(encoded.begin(), encoded.begin() + size);
}

void UpgradeResponse::add_field(std::string_view name, std::string_view value) {
    const std::pair<std::string_view, FieldValues*> known[] = {
        {"Upgrade", &upgrade},
        {"Connection", &connection},
        {"Sec-WebSocket-Accept", &sec_websocket_accept},
        {"Sec-WebSocket-Protocol", &sec_websocket_protocol},
        {"Sec-WebSocket-Extensions", &sec_websocket_extensions},
    };
    for (const auto& [known_name, values] : known) {
        if (equal_ignoring_case(name, known_name)) values->push_back(value);
    }
}

std::optional<net::ProtocolError> check_response(const UpgradeResponse& response, std::string_view key,
                                                 std::span<const std::string> offered,
                                                 const CompressionOptions& compression) {
    auto refuse = [&](std::string message) {
        return net::ProtocolError{response.status, "RFC 6455 §4.1", std::move(message)};
    };
    if (response.status != 101) {
        return refuse(fmt::format("the server answered {} instead of 101 Switching Protocols", response.status));
    }
    if (!has_token(response.upgrade, "websocket")) return refuse("the response lacks Upgrade: websocket");
    if (!has_token(response.connection, "upgrade")) return refuse("the response lacks Connection: Upgrade");
    if (response.sec_websocket_accept.size() != 1 || response.sec_websocket_accept[0] != accept_key(key)) {
        return refuse("Sec-WebSocket-Accept does not answer our key: this is no WebSocket server, or a cache's answer");
    }
    const CompressionAnswer answer = compression_answer(response, compression);
    if (const auto* error = std::get_if<std::string>(&answer)) return refuse(*error);
    const FieldValues& chosen = response.sec_websocket_protocol;
    if (chosen.empty()) return std::nullopt;
    if (chosen.size() > 1) return refuse("Sec-WebSocket-Protocol is there more than once");
    if (std::find(offered.begin(), offered.end(), chosen[0]) == offered.end()) {
        return refuse(fmt::format("the server chose the subprotocol \"{}\", which was not offered", chosen[0]));
    }
    return std::nullopt;
}

std::optional<CompressionTerms> agreed_compression(const UpgradeResponse& response,
                                                   const CompressionOptions& compression) {
    const CompressionAnswer answer = compression_answer(response, compression);
    const auto* terms = std::get_if<std::optional<CompressionTerms>>(&answer);
    return terms == nullptr ? std::nullopt : *terms;
}

}  // namespace stepwise::ws
