#include <stepwise/net/outbox.hpp>
#include <stepwise/runtime/frame_pool.hpp>

#include <algorithm>
#include <cstring>

namespace stepwise::net {

namespace {

// The first chunk is small, so that many connections with one short answer each stay within the cache.
constexpr std::size_t small_chunk_bytes = frame_pool::block_bytes_max;
constexpr std::size_t large_chunk_bytes = 16 * 1024;
constexpr std::size_t copied_shared_bytes_max = 512;

}  // namespace

void SharedBytesSink::start_block(std::size_t bytes) {
    std::size_t untaken = end_ - begin_;
    const std::size_t capacity = std::max(block_bytes, untaken + bytes);
    std::shared_ptr<char[]> block = std::make_shared_for_overwrite<char[]>(capacity);
    if (untaken != 0) std::memcpy(block.get(), block_.get() + begin_, untaken);
    block_ = std::move(block);
    capacity_ = capacity;
    begin_ = 0;
    end_ = untaken;
}

Outbox::Chunk& Outbox::append_chunk(std::size_t capacity) {
    auto* chunk = ::new (frame_pool::allocate(sizeof(Chunk) + capacity)) Chunk;
    chunk->capacity = capacity;
    (last_ == nullptr ? first_ : last_->next) = chunk;
    last_ = chunk;
    return *chunk;
}

void Outbox::add_chunk(std::size_t bytes) {
    std::size_t usual = (last_ == nullptr ? small_chunk_bytes : large_chunk_bytes) - sizeof(Chunk);
    append_chunk(std::max(bytes, usual));
}

void Outbox::append(const SharedBytes& bytes) {
    if (bytes.size() == 0) return;
    if (last_ != nullptr && last_->capacity == 0 && last_->shared.extend(bytes)) return commit(bytes.size());
    // Behind other bytes a short frame is cheaper to copy than to send as a part of its own.
    if (last_ != nullptr && bytes.size() <= copied_shared_bytes_max) {
        std::memcpy(prepare(bytes.size()), bytes.view().data(), bytes.size());
        return commit(bytes.size());
    }
    Chunk& chunk = append_chunk(0);
    chunk.shared = bytes;
    chunk.end = bytes.size();
    size_ += bytes.size();
}

std::size_t Outbox::gather(std::span<iovec> parts) const noexcept {
    std::size_t count = 0;
    for (Chunk* chunk = first_; chunk != nullptr && count < parts.size(); chunk = chunk->next) {
        if (chunk->begin == chunk->end) continue;
        parts[count++] = {const_cast<char*>(chunk->bytes() + chunk->begin), chunk->end - chunk->begin};
    }
    return count;
}

void Outbox::consume(std::size_t bytes) noexcept {
    size_ -= bytes;
    while (first_ != nullptr) {
        std::size_t taken = std::min(bytes, first_->end - first_->begin);
        first_->begin += taken;
        bytes -= taken;
        if (first_->begin != first_->end) return;
        drop_first();
    }
}

void Outbox::drop_first() noexcept {
    Chunk* chunk = std::exchange(first_, first_->next);
    if (first_ == nullptr) last_ = nullptr;
    std::size_t size = sizeof(Chunk) + chunk->capacity;
    chunk->~Chunk();
    frame_pool::deallocate(chunk, size);
}

void Outbox::clear() noexcept {
    while (first_ != nullptr) drop_first();
    size_ = 0;
}

}  // namespace stepwise::net
