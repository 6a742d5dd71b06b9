// Counts what a test program allocates, by an operator new of its own, and lets one of them fail, or all from one on,
// where a test asks for that. Included by one source of a program. Where a sanitizer brings its own, and turns the
// frame pool off, COUNTS_ALLOCATIONS is 0 and nothing is counted.
#pragma once

#include <stepwise/runtime/frame_pool.hpp>

#include <cstdlib>
#include <new>

#if STEPWISE_FRAME_POOL && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1

inline long allocations = 0;
inline long failing_allocation = 0;  // its number, as they are counted; 0: none fails
inline bool fails_for_good = false;  // and all behind it

void* operator new(std::size_t bytes) {
    ++allocations;
    const bool is_behind = fails_for_good && failing_allocation != 0 && allocations > failing_allocation;
    if (allocations == failing_allocation || is_behind) throw std::bad_alloc();
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
// Inlined where something was allocated, g++ takes free() for a mistake.
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
#else
#define COUNTS_ALLOCATIONS 0
#endif
