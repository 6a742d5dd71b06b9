// Memory for calls that one thread makes and the loop's thread ends: blocks of one size that go round.
//
// What a loop's thread gives back stands in one list for all threads; a thread that finds its own list empty takes that
// one whole. So after warm-up posting allocates nothing (law 4), and no block is taken by two: nothing is ever taken
// singly from the shared list. Memory stays at the high-water mark of calls that were under way. Under a sanitizer that
// watches memory all goes to operator new, as in frame_pool. Any thread. Throws std::bad_alloc.
#pragma once

#include <stepwise/runtime/frame_pool.hpp>

#include <atomic>
#include <cstddef>
#include <new>
#include <utility>

namespace stepwise::detail::threadsafe_blocks {

inline constexpr std::size_t block_bytes = 64;

using Block = frame_pool::detail::FreeBlock;

// On a line of its own: posting threads and loops write it.
alignas(64) inline constinit std::atomic<Block*> given_back = nullptr;

inline void give_back_chain(Block& first, Block& last) noexcept {
    last.next = given_back.load(std::memory_order_relaxed);
    while (!given_back.compare_exchange_weak(last.next, &first, std::memory_order_release, std::memory_order_relaxed)) {
    }
}

// A thread's own; they outlive it in the shared list.
struct OwnBlocks {
    ~OwnBlocks() {
        if (first == nullptr) return;
        Block* last = first;
        while (last->next != nullptr) last = last->next;
        give_back_chain(*std::exchange(first, nullptr), *last);
    }
    Block* first = nullptr;
};
inline thread_local OwnBlocks own;

inline void* allocate() {
#if STEPWISE_FRAME_POOL
    Block*& first = own.first;
    if (first == nullptr) first = given_back.exchange(nullptr, std::memory_order_acquire);
    if (first != nullptr) return std::exchange(first, first->next);
#endif
    return ::operator new(block_bytes);
}

inline void deallocate(void* memory) noexcept {
#if STEPWISE_FRAME_POOL
    auto* block = ::new (memory) Block{nullptr};
    give_back_chain(*block, *block);
#else
    ::operator delete(memory, block_bytes);
#endif
}

}  // namespace stepwise::detail::threadsafe_blocks
