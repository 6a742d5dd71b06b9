#include <stepwise/runtime/frame_pool.hpp>

namespace stepwise::frame_pool {

void trim() noexcept {
    for (std::size_t size_class = 0; size_class < detail::free_blocks.size(); ++size_class) {
        while (detail::FreeBlock* block = detail::free_blocks[size_class]) {
            detail::free_blocks[size_class] = block->next;
            ::operator delete(block, size_class* class_bytes);
        }
    }
}

namespace detail {

namespace {

struct TrimAtThreadEnd {
    ~TrimAtThreadEnd() { trim(); }
};

}  // namespace

void* allocate_slowly(std::size_t size_class) {
    // Made by a thread's first miss, so that only threads that own blocks pay for a destructor.
    thread_local TrimAtThreadEnd at_thread_end;
    static_cast<void>(at_thread_end);
    return ::operator new(size_class* class_bytes);
}

}  // namespace detail

}  // namespace stepwise::frame_pool
