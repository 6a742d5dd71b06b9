// What a server answers to a client's WebSocket key (RFC 6455 §4.2.2), for both ends of the ruler: by OpenSSL alone,
// since the ruler shares no protocol code with what it measures.
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <string>
#include <string_view>

namespace bench {

inline std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
    int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), from, static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

inline std::string accept_key(std::string_view key) {
    std::string salted = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<char, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<const unsigned char*>(salted.data()), salted.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
    return base64({digest.data(), digest.size()});
}

}  // namespace bench
