#include <stepwise/tests/fuzz/websocket_reference.hpp>

#include <algorithm>
#include <stepwise/tests/fuzz/support.hpp>
#include <stepwise/tests/fuzz/websocket.hpp>

namespace stepwise::fuzz {

namespace {

constexpr std::string_view control_frames = "\x08\x09\x0A";
constexpr std::string_view data_frames{"\x00\x01\x02", 3};

unsigned byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

std::string error(std::string_view text) {
    return "error(" + std::string(text) + ") ";
}

class Reader {
public:
    Reader(ws::Role receiver, std::string_view bytes, const ws::ProtocolOptions& options)
        : receiver_(receiver), bytes_(bytes), options_(options) {}

    Conversation read() {
        while (!is_over_ && !bytes_.empty() && read_frame()) {
        }
        return {events_, !is_over_ && bytes_.empty() && !message_opcode_};
    }

private:
    bool end_with(const std::string& event) {
        events_ += event;
        is_over_ = true;
        return false;
    }

    // False: there is no whole frame, or nothing is read behind this one.
    bool read_frame() {
        const unsigned first = byte_at(bytes_, 0);
        const char opcode = static_cast<char>(first & 0xF);
        const bool is_control = control_frames.find(opcode) != std::string_view::npos;
        if ((first & 0x70) != 0) return end_with(error("1002 RFC 6455 §5.2"));
        if (!is_control && data_frames.find(opcode) == std::string_view::npos) {
            return end_with(error("1002 RFC 6455 §5.2"));
        }
        if (is_control && first < 0x80) return end_with(error("1002 RFC 6455 §5.5"));
        if (bytes_.size() < 2) return false;
        const unsigned second = byte_at(bytes_, 1);
        if ((second >= 0x80) != (receiver_ == ws::Role::server)) return end_with(error("1002 RFC 6455 §5.1"));
        if (is_control && (second & 0x7F) > 125) return end_with(error("1002 RFC 6455 §5.5"));

        const std::size_t length_bytes = (second & 0x7F) == 127 ? 8 : (second & 0x7F) == 126 ? 2 : 0;
        const std::size_t mask_bytes = receiver_ == ws::Role::server ? 4 : 0;
        if (bytes_.size() < 2 + length_bytes) return false;
        std::uint64_t length = second & 0x7F;
        if (length_bytes != 0) length = 0;
        for (std::size_t at = 2; at < 2 + length_bytes; ++at) length = length * 256 + byte_at(bytes_, at);
        const std::size_t needed = length > 0xFFFF ? 8 : length > 125 ? 2 : 0;
        if (needed != length_bytes || length > 0x7FFF'FFFF'FFFF'FFFF) return end_with(error("1002 RFC 6455 §5.2"));
        if (bytes_.size() < 2 + length_bytes + mask_bytes) return false;

        std::string payload(bytes_.substr(2 + length_bytes + mask_bytes, length));
        if (mask_bytes != 0) {
            const std::string_view key = bytes_.substr(2 + length_bytes, 4);
            for (std::size_t at = 0; at < payload.size(); ++at)
                payload[at] = static_cast<char>(payload[at] ^ key[at % 4]);
        }
        const bool is_whole = payload.size() == length;
        if (is_whole) bytes_.remove_prefix(2 + length_bytes + mask_bytes + payload.size());
        if (is_control) return is_whole && read_control(opcode, payload);
        return read_data(opcode, first >= 0x80, length, payload) && is_whole;
    }

    bool read_control(char opcode, const std::string& payload) {
        if (opcode == 0x8) return read_close(payload);
        events_ += describe_payload(opcode == 0x9 ? "ping" : "pong", payload);
        return true;
    }

    bool read_close(const std::string& payload) {
        if (payload.empty()) return end_with("close(1005) ");
        if (payload.size() == 1) return end_with(error("1002 RFC 6455 §5.5.1"));
        const unsigned code = byte_at(payload, 0) * 256 + byte_at(payload, 1);
        const bool is_defined = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
        if (!is_defined && (code < 3000 || code > 4999)) return end_with(error("1002 RFC 6455 §7.4.1"));
        if (!is_utf8(payload.substr(2))) return end_with(error("1007 RFC 6455 §5.5.1"));
        return end_with("close(" + std::to_string(code) + (payload.size() > 2 ? " " : "") + payload.substr(2) + ") ");
    }

    bool read_data(char opcode, bool fin, std::uint64_t length, const std::string& payload) {
        if ((opcode == 0) != message_opcode_.has_value()) return end_with(error("1002 RFC 6455 §5.4"));
        const std::uint64_t room = options_.message_bytes_max - message_.size();
        if (length > options_.frame_bytes_max || length > room) return end_with(error("1009 RFC 6455 §10.4"));
        if (opcode != 0) message_opcode_ = opcode;
        message_ += payload;
        const bool is_done = fin && payload.size() == length;
        if (message_opcode_ == 1 && !(is_done ? is_utf8(message_) : is_viable_utf8(message_))) {
            return end_with(error("1007 RFC 6455 §8.1"));
        }
        if (!is_done) return true;
        events_ += describe_payload(message_opcode_ == 1 ? "text" : "binary", message_);
        message_.clear();
        message_opcode_.reset();
        return true;
    }

    ws::Role receiver_;
    std::string_view bytes_;
    ws::ProtocolOptions options_;
    std::string events_;
    std::string message_;
    std::optional<char> message_opcode_;
    bool is_over_ = false;
};

}  // namespace

Conversation read_conversation(ws::Role receiver, std::string_view bytes, const ws::ProtocolOptions& options) {
    return Reader(receiver, bytes, options).read();
}

}  // namespace stepwise::fuzz
