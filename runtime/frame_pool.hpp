// Memory for coroutine frames, futures, tasks and handles: a free list per thread and per size class of 16 bytes.
//
// After warm-up nothing here calls malloc (law 4). A block belongs to the thread that frees it; memory stays at the
// thread's high-water mark until the thread ends. Requests over block_bytes_max, and all requests under a sanitizer
// that watches memory, go to operator new, so that a use after free is still seen. Throws std::bad_alloc.
#pragma once

#include <array>
#include <cstddef>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define STEPWISE_FRAME_POOL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define STEPWISE_FRAME_POOL 0
#endif
#endif
#ifndef STEPWISE_FRAME_POOL
#define STEPWISE_FRAME_POOL 1
#endif

namespace stepwise::frame_pool {

inline constexpr std::size_t class_bytes = 16;
inline constexpr std::size_t block_bytes_max = 2048;

namespace detail {

struct FreeBlock {
    FreeBlock* next;
};
inline constinit thread_local std::array<FreeBlock*, block_bytes_max / class_bytes + 1> free_blocks{};

void* allocate_slowly(std::size_t size_class);

}  // namespace detail

// A free block, or nullptr where it takes more than that.
inline void* take([[maybe_unused]] std::size_t bytes) noexcept {
#if STEPWISE_FRAME_POOL
    if (bytes > block_bytes_max) return nullptr;
    std::size_t size_class = (bytes + class_bytes - 1) / class_bytes;
    detail::FreeBlock* block = detail::free_blocks[size_class];
    if (block != nullptr) detail::free_blocks[size_class] = block->next;
    return block;
#else
    return nullptr;
#endif
}

inline void* allocate(std::size_t bytes) {
#if STEPWISE_FRAME_POOL
    if (void* block = take(bytes)) [[likely]]
        return block;
    if (bytes > block_bytes_max) return ::operator new(bytes);
    return detail::allocate_slowly((bytes + class_bytes - 1) / class_bytes);
#else
    return ::operator new(bytes);
#endif
}

// `bytes` is what was asked for.
inline void deallocate(void* memory, std::size_t bytes) noexcept {
#if STEPWISE_FRAME_POOL
    if (bytes > block_bytes_max) return ::operator delete(memory, bytes);
    std::size_t size_class = (bytes + class_bytes - 1) / class_bytes;
    detail::free_blocks[size_class] = new (memory) detail::FreeBlock{detail::free_blocks[size_class]};
#else
    ::operator delete(memory, bytes);
#endif
}

// Gives this thread's free blocks back to the system.
void trim() noexcept;

// A base that puts its heirs' `new` on the pool.
struct Pooled {
    static void* operator new(std::size_t bytes) { return allocate(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept { deallocate(memory, bytes); }
};

}  // namespace stepwise::frame_pool
