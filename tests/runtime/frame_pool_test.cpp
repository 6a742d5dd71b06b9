#include <stepwise/runtime/frame_pool.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace stepwise;

}  // namespace

TEST_CASE("blocks of every size can be written to their last byte, and do not overlap") {
    std::vector<std::pair<void*, std::size_t>> blocks;
    for (std::size_t bytes = 1; bytes <= frame_pool::block_bytes_max + 200; bytes += 37) {
        void* block = frame_pool::allocate(bytes);
        std::memset(block, static_cast<int>(bytes % 251), bytes);
        CHECK(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t) == 0);
        blocks.emplace_back(block, bytes);
    }
    for (auto [block, bytes] : blocks) {
        auto* bytes_of = static_cast<unsigned char*>(block);
        CHECK(bytes_of[0] == bytes % 251);
        CHECK(bytes_of[bytes - 1] == bytes % 251);
        frame_pool::deallocate(block, bytes);
    }
}

TEST_CASE("a block that was given back is used again for its size class") {
#if STEPWISE_FRAME_POOL
    void* first = frame_pool::allocate(100);
    frame_pool::deallocate(first, 100);
    void* second = frame_pool::allocate(112);
    CHECK(second == first);
    void* other_class = frame_pool::allocate(64);
    CHECK(other_class != first);
    frame_pool::deallocate(other_class, 64);
    frame_pool::deallocate(second, 112);
    frame_pool::trim();
#else
    std::puts("SKIPPED a block that was given back is used again: a sanitizer watches memory, the pool is off");
#endif
}

TEST_CASE("a block may be freed by another thread, whose pool it joins") {
    void* block = frame_pool::allocate(200);
    std::thread([block] {
        frame_pool::deallocate(block, 200);
        void* again = frame_pool::allocate(200);
        frame_pool::deallocate(again, 200);
    }).join();
}
