// The bytes of compressed messages (RFC 7692 §7.2), for one connection: packed before they go into a frame with RSV1,
// unpacked piece by piece as they arrive.
//
//     ws::MessageCompression compression(ws::Role::server, terms, options);
//     std::optional<std::string_view> packed = compression.pack(text);      // nothing: it goes as it is
//     compression.receive(bytes, is_last);
//     std::optional<std::string_view> piece = compression.next_piece(room);   // until it is empty; nothing: corrupt
//
// zlib's state is big. Without context takeover it belongs to the thread, which lends it for a message: an idle
// connection has none. With it, each direction gets its own with its first message. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stepwise/ws/compression.hpp>
#include <stepwise/ws/frame.hpp>
#include <string_view>
#include <vector>

namespace stepwise::ws {

class Deflater;
class Inflater;

class MessageCompression {
public:
    MessageCompression(Role role, const CompressionTerms& terms, const CompressionOptions& options);
    MessageCompression(const MessageCompression&) = delete;
    MessageCompression& operator=(const MessageCompression&) = delete;
    ~MessageCompression();

    // The payload of the frame, good until the next message is packed on this thread. Nothing: the message is short, or
    // would not be shorter, and goes as it is.
    [[nodiscard]] std::optional<std::string_view> pack(std::string_view message);
    // The peer got a message that somebody else packed: the next one must not refer back.
    void forget_sent();
    // How far back what we send may refer.
    int sent_window_bits() const { return sent_window_bits_; }

    // Lends bytes of a message, until next_piece() has given an empty piece. `is_last`: the message ends with them.
    void receive(std::string_view bytes, bool is_last);
    // Written into `room`, which it fills while there is more. Empty: there is no more. Nothing: these bytes are no
    // compressed data, or end within something.
    [[nodiscard]] std::optional<std::string_view> next_piece(std::span<char> room);
    // No more of this message comes, or will be looked at.
    void end_received();
    // Another one, made of the same terms, would do the same.
    bool is_as_new() const { return deflater_ == nullptr && inflater_ == nullptr; }

    // A buffer for what is unpacked: the thread keeps a few, so that messages cost no allocation.
    static std::vector<char> borrow_buffer();
    static void return_buffer(std::vector<char>&& buffer);

private:
    std::unique_ptr<Deflater> deflater_;
    std::unique_ptr<Inflater> inflater_;
    std::size_t message_bytes_min_;
    std::uint8_t level_;
    std::uint8_t memory_level_;
    std::uint8_t sent_window_bits_;
    bool keeps_sent_;
    bool keeps_received_;
};

// A message packed for many connections: it refers to nothing before it. Good until the next message is packed on this
// thread. Nothing: as above.
[[nodiscard]] std::optional<std::string_view> pack_alone(std::string_view message, int window_bits,
                                                         const CompressionOptions& options);

}  // namespace stepwise::ws
