#include <stepwise/tests/bench/net/web_socket.hpp>

#include <sys/socket.h>
#include <stepwise/tests/bench/net/accept_key.hpp>

#include <algorithm>
#include <array>

namespace bench {

namespace {

constexpr std::size_t stamp_bytes = 16;  // in hex: 6 digits of the sender, 10 of the message
constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view mask = "\x37\xfa\x21\x3d";

std::array<char, stamp_bytes> stamp(std::uint32_t sender, std::uint64_t message) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, stamp_bytes> text;
    for (std::size_t index = 0; index < 6; ++index) text[index] = digits[sender >> (20 - 4 * index) & 15];
    for (std::size_t index = 0; index < 10; ++index) text[6 + index] = digits[message >> (36 - 4 * index) & 15];
    return text;
}

std::string frame_head(std::size_t payload_bytes, unsigned mask_bit) {
    std::string head = "\x82";
    int size_bytes = 0;
    if (payload_bytes < 126) {
        head += static_cast<char>(mask_bit | payload_bytes);
    } else {
        size_bytes = payload_bytes < 65536 ? 2 : 8;
        head += static_cast<char>(mask_bit | (size_bytes == 2 ? 126U : 127U));
    }
    for (int index = size_bytes - 1; index >= 0; --index) head += static_cast<char>(payload_bytes >> (8 * index));
    return head;
}

}  // namespace

stepwise::UniqueFd ask_for_web_socket(const LoadOptions& options) {
    std::string request = "GET " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: " +
                          std::string(key) + "\r\n\r\n";
    stepwise::UniqueFd made = connect_to(options.port);
    if (send(made.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
        fail("the handshake could not be sent");
    }
    return made;
}

void hear_handshake(int socket) {
    std::string response;
    while (!response.ends_with("\r\n\r\n")) {
        std::array<char, 2048> bytes;
        ssize_t count = recv(socket, bytes.data(), bytes.size(), 0);
        if (count <= 0) fail("the handshake was not answered");
        response.append(bytes.data(), static_cast<std::size_t>(count));
    }
    if (!response.starts_with("HTTP/1.1 101")) fail("the handshake was refused: " + response.substr(0, 60));
    if (field(response, "Sec-WebSocket-Accept") != accept_key(key)) fail("a wrong Sec-WebSocket-Accept");
    set_nonblocking(socket);
}

stepwise::UniqueFd open_web_socket(const LoadOptions& options) {
    stepwise::UniqueFd made = ask_for_web_socket(options);
    hear_handshake(made.get());
    return made;
}

FrameBatch::FrameBatch(std::size_t message_bytes, std::size_t count) : payload_(message_bytes, '\0') {
    if (message_bytes < stamp_bytes) fail("a message needs 16 bytes at least: it carries a stamp");
    for (std::size_t index = 0; index < message_bytes; ++index) payload_[index] = static_cast<char>('a' + index % 26);
    std::string frame = frame_head(message_bytes, 0x80).append(mask);
    head_bytes_ = frame.size();
    for (std::size_t index = 0; index < message_bytes; ++index) {
        frame += static_cast<char>(payload_[index] ^ mask[index & 3]);
    }
    frame_bytes_ = frame.size();
    for (std::size_t index = 0; index < count; ++index) frames_ += frame;
}

std::string_view FrameBatch::stamped(std::uint32_t sender, std::uint64_t first_message) {
    for (std::size_t at = head_bytes_; at < frames_.size(); at += frame_bytes_, ++first_message) {
        std::array<char, stamp_bytes> text = stamp(sender, first_message);
        for (std::size_t index = 0; index < stamp_bytes; ++index) {
            frames_[at + index] = static_cast<char>(text[index] ^ mask[index & 3]);
        }
    }
    return frames_;
}

bool FrameBatch::holds(std::string_view bytes, std::size_t offset, std::uint32_t sender, std::uint64_t message) const {
    if (offset < stamp_bytes) {
        std::array<char, stamp_bytes> text = stamp(sender, message);
        std::string_view expected = std::string_view(text.data(), text.size()).substr(offset, bytes.size());
        if (!bytes.starts_with(expected)) return false;
        bytes.remove_prefix(expected.size());
        offset += expected.size();
    }
    return bytes == std::string_view(payload_).substr(offset, bytes.size());
}

FrameReader::FrameReader(std::size_t message_bytes)
    : head_(frame_head(message_bytes, 0)), message_bytes_(message_bytes) {}

bool FrameReader::next(std::string_view& bytes, Piece& piece) {
    if (position_ < head_.size()) {
        std::size_t count = std::min(bytes.size(), head_.size() - position_);
        if (bytes.substr(0, count) != std::string_view(head_).substr(position_, count)) {
            fail("a frame that is not one whole binary message of the length that was sent");
        }
        bytes.remove_prefix(count);
        position_ += count;
    }
    if (bytes.empty()) return false;
    piece.offset = position_ - head_.size();
    piece.payload = bytes.substr(0, message_bytes_ - piece.offset);
    bytes.remove_prefix(piece.payload.size());
    position_ += piece.payload.size();
    piece.is_last = position_ == head_.size() + message_bytes_;
    if (piece.is_last) position_ = 0;
    return true;
}

}  // namespace bench
