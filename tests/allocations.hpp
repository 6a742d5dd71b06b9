// Counts what a test program allocates, by an operator new of its own. Included by one source of a program. Where a
// sanitizer brings its own, and turns the frame pool off, COUNTS_ALLOCATIONS is 0 and nothing is counted.
#pragma once

#include <stepwise/runtime/frame_pool.hpp>

#include <cstdlib>
#include <new>

#if STEPWISE_FRAME_POOL && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1

inline long allocations = 0;

void* operator new(std::size_t bytes) {
    ++allocations;
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
#else
#define COUNTS_ALLOCATIONS 0
#endif
