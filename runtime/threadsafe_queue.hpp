// What other threads hand to the loop: a lock-free stack that the loop takes whole and turns over into a queue.
//
// Any thread pushes; one takes. A push never waits and never allocates: the node is the caller's until it is pushed,
// the loop's afterwards. The order of one thread's pushes is kept.
#pragma once

#include <stepwise/runtime/ready_queue.hpp>
#include <stepwise/runtime/scheduler.hpp>
#include <stepwise/runtime/threadsafe_blocks.hpp>

#include <atomic>
#include <memory>
#include <utility>

namespace stepwise::detail {

class ThreadsafeQueue {
public:
    bool empty() const noexcept { return top_.load(std::memory_order_seq_cst) == nullptr; }

    // Cheap, and perhaps late: another thread's push shows up at the next look.
    bool looks_empty() const noexcept { return top_.load(std::memory_order_relaxed) == nullptr; }

    void push(ReadyNode& node) noexcept {
        ReadyNode* top = top_.load(std::memory_order_relaxed);
        do {
            node.next = top;
        } while (!top_.compare_exchange_weak(top, &node, std::memory_order_seq_cst, std::memory_order_relaxed));
    }

    // Moves everything to `ready`, oldest first.
    void take_into(ReadyQueue& ready) noexcept {
        if (looks_empty()) return;
        ReadyNode* newest = top_.exchange(nullptr, std::memory_order_acquire);
        ReadyNode* oldest = nullptr;
        while (newest != nullptr) {
            ReadyNode* below = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = below;
        }
        while (oldest != nullptr) {
            ReadyNode* node = std::exchange(oldest, oldest->next);
            node->next = nullptr;
            ready.push(*node);
        }
    }

private:
    std::atomic<ReadyNode*> top_ = nullptr;
};

// A call from another thread. Made there, run and destroyed on the loop's thread.
template <class Function>
class ThreadsafeCall final : public ReadyNode {
public:
    ThreadsafeCall(Scheduler& scheduler, Function function)
        : ReadyNode(&ThreadsafeCall::call), scheduler_(scheduler), function_(std::move(function)) {}

    static void* operator new(std::size_t bytes) {
        if constexpr (fits_a_block()) {
            return threadsafe_blocks::allocate();
        } else {
            return ::operator new(bytes, std::align_val_t(alignof(ThreadsafeCall)));
        }
    }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        if constexpr (fits_a_block()) {
            threadsafe_blocks::deallocate(memory);
        } else {
            ::operator delete(memory, bytes, std::align_val_t(alignof(ThreadsafeCall)));
        }
    }

private:
    static constexpr bool fits_a_block() noexcept {
        return sizeof(ThreadsafeCall) <= threadsafe_blocks::block_bytes &&
               alignof(ThreadsafeCall) <= alignof(std::max_align_t);
    }
    static void call(ReadyNode& node) {
        std::unique_ptr<ThreadsafeCall> self(&static_cast<ThreadsafeCall&>(node));
        if (!self->scheduler_.discarding()) self->function_();
    }

    Scheduler& scheduler_;
    Function function_;
};

}  // namespace stepwise::detail
