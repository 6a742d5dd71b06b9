// The client's end of a WebSocket as the load generator needs it: a handshake, ready-made frames with a stamp in each,
// and a reader that compares payloads where they arrive. One thread.
#pragma once

#include <stepwise/tests/bench/net/load.hpp>

namespace bench {

// A non-blocking socket whose handshake the server has answered.
stepwise::UniqueFd open_web_socket(const LoadOptions& options);
// The same in two steps: a connection on which the handshake is asked for; and the answer, checked.
stepwise::UniqueFd ask_for_web_socket(const LoadOptions& options);
void hear_handshake(int socket);

// `count` masked binary frames, of which only the stamps (who sends, and which message it is) change between uses.
class FrameBatch {
public:
    FrameBatch(std::size_t message_bytes, std::size_t count);

    std::string_view stamped(std::uint32_t sender, std::uint64_t first_message);
    // Whether `bytes` are the part at `offset` of that message.
    bool holds(std::string_view bytes, std::size_t offset, std::uint32_t sender, std::uint64_t message) const;

private:
    std::string payload_;
    std::string frames_;
    std::size_t head_bytes_;
    std::size_t frame_bytes_;
};

// Takes a server's frames apart: each must be one whole binary message of `message_bytes`. It keeps no payload.
class FrameReader {
public:
    explicit FrameReader(std::size_t message_bytes);

    struct Piece {
        std::string_view payload;
        std::size_t offset = 0;  // in its message
        bool is_last = false;
    };
    // The next piece of payload, which `bytes` loses; false when nothing is left. Any other frame ends the run.
    bool next(std::string_view& bytes, Piece& piece);

private:
    std::string head_;  // of every frame
    std::size_t message_bytes_;
    std::size_t position_ = 0;  // in the frame
};

}  // namespace bench
