// Bytes on their way out: a chain of chunks, appended at one end and sent from the other. A ByteSink.
//
// What was appended does not move until it is consumed, so a send in flight may point into it while more is appended.
// Shared bytes are referred to, not copied, unless they are few. Chunks come from per-thread pools; an empty outbox
// holds none. It has no limit of its own: whoever appends looks at size(). One thread.
#pragma once

#include <sys/uio.h>
#include <stepwise/net/shared_bytes.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace stepwise::net {

class Outbox {
public:
    Outbox() noexcept = default;
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;
    ~Outbox() { clear(); }

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

    char* prepare(std::size_t bytes) {
        if (last_ == nullptr || last_->end + bytes > last_->capacity) add_chunk(bytes);  // so, as shared ones have none
        return last_->data() + last_->end;
    }
    void commit(std::size_t bytes) noexcept {
        last_->end += bytes;
        size_ += bytes;
    }
    void append(const SharedBytes& bytes);

    // Describes the first bytes, in at most parts.size() parts; returns how many parts were used.
    std::size_t gather(std::span<iovec> parts) const noexcept;
    // The first `bytes` were sent.
    void consume(std::size_t bytes) noexcept;
    void clear() noexcept;

private:
    struct Chunk {
        Chunk* next = nullptr;
        std::size_t begin = 0;
        std::size_t end = 0;
        std::size_t capacity = 0;  // 0: `shared` has the bytes
        SharedBytes shared;

        char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
        const char* bytes() const noexcept {
            return capacity == 0 ? shared.view().data() : reinterpret_cast<const char*>(this + 1);
        }
    };

    void add_chunk(std::size_t bytes);
    Chunk& append_chunk(std::size_t capacity);
    void drop_first() noexcept;

    Chunk* first_ = nullptr;
    Chunk* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace stepwise::net
