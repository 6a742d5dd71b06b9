// Compressed messages (permessage-deflate, RFC 7692): what an end wants, and what both agree on in the handshake.
//
//     std::string offer = ws::compression_offer(options);       // a client's
//     std::optional<ws::CompressionTerms> terms = ws::accept_compression(*offers, options);
//     std::string answer = ws::extension_field(*terms);         // the server's
//
// Values only; the bytes are compressed in deflate.hpp. What a peer writes never throws: a server declines an offer
// that it does not understand (§7.1), a client fails the connection for an answer that it did not ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stepwise/ws/extensions.hpp>
#include <string>
#include <variant>

namespace stepwise::ws {

struct CompressionOptions {
    // False: it is neither offered nor accepted.
    bool enabled = true;
    // Messages may refer back to those before them: smaller where messages are alike, at some 300 KiB a connection from
    // its first message on. Without, an idle connection holds nothing of it, and a broadcast is compressed once.
    bool context_takeover = false;
    // How far back a message may refer, in powers of two, 8 to 15: of what we send, and of what we ask the peer to
    // send, which is not refused if it goes further.
    int window_bits_max = 15;
    // Of what we send: 1 (quick) to 9 (small); how much memory it may take for that, 1 to 9.
    int level = 3;
    int memory_level = 8;
    // Shorter messages go as they are.
    std::size_t message_bytes_min = 128;
};

// Of an open connection.
struct CompressionTerms {
    bool server_no_context_takeover = false;
    bool client_no_context_takeover = false;
    std::uint8_t server_max_window_bits = 15;
    std::uint8_t client_max_window_bits = 15;
    // A server that was asked for a window answers with one, also where it is the greatest (§7.1.2.1).
    bool names_server_window = false;

    bool operator==(const CompressionTerms&) const = default;
};

// std::invalid_argument for options that name nothing that could be.
void check_compression(const CompressionOptions& options);

// A server: the terms of the first offer that it understands, narrowed by its options. Nothing: messages go as they
// are.
[[nodiscard]] std::optional<CompressionTerms> accept_compression(std::span<const Extension> offers,
                                                                 const CompressionOptions& options);
// What Sec-WebSocket-Extensions of its answer says.
[[nodiscard]] std::string extension_field(const CompressionTerms& terms);

// A client: what Sec-WebSocket-Extensions of its request says.
[[nodiscard]] std::string compression_offer(const CompressionOptions& options);
// The terms in an answer to that offer, nothing if it has none, or why the answer must not be taken.
using CompressionAnswer = std::variant<std::optional<CompressionTerms>, std::string>;
[[nodiscard]] CompressionAnswer read_compression_answer(std::span<const Extension> answer,
                                                        const CompressionOptions& options);

}  // namespace stepwise::ws
