#include <stepwise/ws/deflate.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>
#include <utility>

namespace stepwise::ws {
namespace {

// What a flush ends with is not sent, and set behind what arrives (RFC 7692 §7.2.1, §7.2.2).
constexpr unsigned char flush_end[] = {0x00, 0x00, 0xFF, 0xFF};

// Tables cost time to clear before each message that stands alone: one of at most 2^12 bytes has no use for big ones.
constexpr int small_window_bits = 12;
constexpr int small_memory_level = 5;

// zlib counts in 32 bits.
constexpr std::size_t packed_bytes_max = std::size_t{1} << 30;

constexpr std::size_t kept_bytes_max = 256 * 1024;
constexpr std::size_t kept_inflaters_max = 4;
constexpr std::size_t kept_buffers_max = 4;
constexpr std::size_t kept_deflaters_max = 8;

void* allocate(void*, unsigned items, unsigned size) {
    try {
        return ::operator new (std::size_t{items} * size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void deallocate(void*, void* memory) {
    ::operator delete(memory);
}

void prepare(z_stream& stream) {
    stream = {};
    stream.zalloc = allocate;
    stream.zfree = deallocate;
}

Bytef* bytes_of(std::string_view bytes) {
    return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write there
}

// Where a message is packed. One for a thread.
struct Room {
    static constexpr std::size_t least_bytes = 16 * 1024;

    std::unique_ptr<char[]> bytes;
    std::size_t capacity = 0;

    void prepare(std::size_t needed) {
        needed = std::max(needed, least_bytes);
        const bool is_too_large = capacity > kept_bytes_max && needed <= kept_bytes_max;
        if (capacity < needed || is_too_large) grow(needed, 0);
    }
    void grow(std::size_t needed, std::size_t kept) {
        auto larger = std::unique_ptr<char[]>(new char[needed]);
        std::copy_n(bytes.get(), kept, larger.get());
        bytes = std::move(larger);
        capacity = needed;
    }
};

}  // namespace

class Deflater {
public:
    Deflater(int window_bits, int level, int memory_level)
        : window_bits_(window_bits), level_(level), memory_level_(memory_level) {
        prepare(stream_);
        // zlib makes no raw stream of 8 bits. With 9 it refers back by at most 512 - 262 bytes, which is within 2^8.
        const int bits = std::max(window_bits, 9);
        if (deflateInit2(&stream_, level, Z_DEFLATED, -bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
    ~Deflater() { deflateEnd(&stream_); }

    bool is(int window_bits, int level, int memory_level) const {
        return window_bits_ == window_bits && level_ == level && memory_level_ == memory_level;
    }
    void forget() { deflateReset(&stream_); }

    std::string_view pack(std::string_view message, Room& room) {
        assert(!message.empty());  // a flush of nothing writes nothing
        room.prepare(deflateBound(&stream_, message.size()) + 16);
        stream_.next_in = bytes_of(message);
        stream_.avail_in = static_cast<uInt>(message.size());
        std::size_t size = 0;
        for (;;) {
            stream_.next_out = reinterpret_cast<Bytef*>(room.bytes.get() + size);
            stream_.avail_out = static_cast<uInt>(room.capacity - size);
            deflate(&stream_, Z_SYNC_FLUSH);
            size = room.capacity - stream_.avail_out;
            if (stream_.avail_out != 0) break;
            room.grow(2 * room.capacity, size);
        }
        return {room.bytes.get(), size - std::size(flush_end)};
    }

private:
    z_stream stream_;
    int window_bits_;
    int level_;
    int memory_level_;
};

class Inflater {
public:
    // With the greatest window, whatever was agreed on: zlib looks at distances in what it keeps from earlier calls
    // only, so that with a smaller one a peer which goes too far would be refused or not by how its bytes were cut.
    Inflater() {
        prepare(stream_);
        if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() { inflateEnd(&stream_); }

    void forget() {
        inflateReset(&stream_);
        end_message();
    }
    void end_message() {
        ended_ = false;
        at_end_ = false;
    }
    void receive(std::string_view bytes, bool is_last) {
        stream_.next_in = bytes_of(bytes);
        stream_.avail_in = static_cast<uInt>(bytes.size());
        is_last_ = is_last;
        tail_due_ = is_last;
    }

    std::optional<std::string_view> next_piece(std::span<char> room) {
        stream_.next_out = reinterpret_cast<Bytef*>(room.data());
        stream_.avail_out = static_cast<uInt>(room.size());
        for (;;) {
            const uInt in_before = stream_.avail_in;
            const uInt out_before = stream_.avail_out;
            const int result = inflate(&stream_, Z_SYNC_FLUSH);
            // See data_type in zlib.h: behind a whole block, on a byte's border. A call that had nothing to do forgets
            // it.
            const bool is_idle = stream_.avail_in == in_before && stream_.avail_out == out_before;
            at_end_ = (stream_.data_type & 0x9F) == 0x80 || (is_idle && at_end_);
            ended_ = ended_ && is_idle;
            if (result == Z_STREAM_END) {
                // A block with BFINAL: more may follow from the next byte on, and may refer back (§7.2.3.4).
                ended_ = true;
                inflateResetKeep(&stream_);
            } else if (result != Z_OK && result != Z_BUF_ERROR) {
                return std::nullopt;
            }
            if (stream_.avail_out == 0) break;
            if (stream_.avail_in != 0) continue;
            if (!std::exchange(tail_due_, false) || ended_) break;
            stream_.next_in = const_cast<Bytef*>(flush_end);
            stream_.avail_in = std::size(flush_end);
        }
        const std::string_view piece(room.data(), room.size() - stream_.avail_out);
        if (piece.empty() && is_last_ && !at_end_ && !ended_) return std::nullopt;
        return piece;
    }

private:
    z_stream stream_;
    bool at_end_ = false;
    bool ended_ = false;  // by a block with BFINAL, with nothing behind it so far
    bool is_last_ = false;
    bool tail_due_ = false;
};

namespace {

// What the connections of a thread share.
struct Shared {
    Deflater& deflater(int window_bits, int level, int memory_level) {
        for (const auto& deflater : deflaters) {
            if (!deflater->is(window_bits, level, memory_level)) continue;
            deflater->forget();
            return *deflater;
        }
        if (deflaters.size() == kept_deflaters_max) deflaters.erase(deflaters.begin());
        return *deflaters.emplace_back(std::make_unique<Deflater>(window_bits, level, memory_level));
    }
    std::unique_ptr<Inflater> borrow_inflater() {
        if (inflaters.empty()) return std::make_unique<Inflater>();
        std::unique_ptr<Inflater> found = std::move(inflaters.back());
        inflaters.pop_back();
        return found;
    }
    void return_inflater(std::unique_ptr<Inflater> inflater) {
        if (inflaters.size() == kept_inflaters_max) return;
        inflater->forget();
        inflaters.push_back(std::move(inflater));
    }

    Room room;
    std::vector<std::unique_ptr<Deflater>> deflaters;
    std::vector<std::unique_ptr<Inflater>> inflaters;
    std::vector<std::vector<char>> buffers;
};

Shared& shared() {
    thread_local Shared shared;
    return shared;
}

std::optional<std::string_view> packed_alone(std::string_view message, int window_bits, int level, int memory_level) {
    if (message.size() <= std::size_t{1} << small_window_bits) {
        window_bits = std::min(window_bits, small_window_bits);
        memory_level = std::min(memory_level, small_memory_level);
    }
    Shared& of_thread = shared();
    const std::string_view packed = of_thread.deflater(window_bits, level, memory_level).pack(message, of_thread.room);
    if (packed.size() >= message.size()) return std::nullopt;
    return packed;
}

}  // namespace

MessageCompression::MessageCompression(Role role, const CompressionTerms& terms, const CompressionOptions& options)
    : message_bytes_min_(std::max(options.message_bytes_min, std::size_t{1})),
      level_(static_cast<std::uint8_t>(options.level)),
      memory_level_(static_cast<std::uint8_t>(options.memory_level)),
      sent_window_bits_(role == Role::server ? terms.server_max_window_bits : terms.client_max_window_bits),
      keeps_sent_(!(role == Role::server ? terms.server_no_context_takeover : terms.client_no_context_takeover)),
      keeps_received_(!(role == Role::server ? terms.client_no_context_takeover : terms.server_no_context_takeover)) {}

MessageCompression::~MessageCompression() = default;

std::optional<std::string_view> MessageCompression::pack(std::string_view message) {
    if (message.size() < message_bytes_min_ || message.size() > packed_bytes_max) return std::nullopt;
    if (!keeps_sent_) return packed_alone(message, sent_window_bits_, level_, memory_level_);
    if (deflater_ == nullptr) deflater_ = std::make_unique<Deflater>(sent_window_bits_, level_, memory_level_);
    return deflater_->pack(message, shared().room);
}

void MessageCompression::forget_sent() {
    if (deflater_ != nullptr) deflater_->forget();
}

void MessageCompression::receive(std::string_view bytes, bool is_last) {
    if (inflater_ == nullptr) inflater_ = shared().borrow_inflater();
    inflater_->receive(bytes, is_last);
}

std::optional<std::string_view> MessageCompression::next_piece(std::span<char> room) {
    return inflater_->next_piece(room);
}

void MessageCompression::end_received() {
    if (inflater_ == nullptr) return;
    if (keeps_received_) return inflater_->end_message();
    shared().return_inflater(std::move(inflater_));
}

std::vector<char> MessageCompression::borrow_buffer() {
    std::vector<std::vector<char>>& buffers = shared().buffers;
    if (buffers.empty()) return {};
    std::vector<char> buffer = std::move(buffers.back());
    buffers.pop_back();
    return buffer;
}

void MessageCompression::return_buffer(std::vector<char>&& buffer) {
    std::vector<std::vector<char>>& buffers = shared().buffers;
    std::vector<char> returned = std::move(buffer);
    const bool is_kept =
        returned.capacity() != 0 && returned.capacity() <= kept_bytes_max && buffers.size() < kept_buffers_max;
    if (!is_kept) return;
    returned.clear();
    buffers.push_back(std::move(returned));
}

std::optional<std::string_view> pack_alone(std::string_view message, int window_bits,
                                           const CompressionOptions& options) {
    const std::size_t least = std::max(options.message_bytes_min, std::size_t{1});
    if (message.size() < least || message.size() > packed_bytes_max) return std::nullopt;
    return packed_alone(message, window_bits, options.level, options.memory_level);
}

}  // namespace stepwise::ws
