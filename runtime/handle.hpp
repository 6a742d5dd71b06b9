// A call that the loop will make: what call_soon, call_later and call_at return, to be able to cancel it.
//
// The node behind it belongs to the loop, which reuses it when the call was made or cancelled: the handle carries the
// generation that it means, so that a late cancel() does nothing. A handle may be copied and dropped freely and must not
// be used after the loop has ended. One thread.
#pragma once

#include <stepwise/runtime/ready_queue.hpp>
#include <stepwise/runtime/scheduler.hpp>
#include <stepwise/runtime/timer_queue.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace stepwise {

class EventLoop;

namespace detail {

class CallNodes;

// A callable of up to inline_bytes in the node itself; a larger one stands behind a pointer.
struct CallNode : ReadyNode, Timer {
    static constexpr std::size_t inline_bytes = 48;
    using Destroy = void (*)(CallNode&) noexcept;

    explicit CallNode(CallNodes& owner) noexcept : ReadyNode(nullptr), Timer(nullptr), nodes(owner) {}

    template <class Function>
    void hold(Function function);

    CallNodes& nodes;
    std::uint32_t generation = 0;
    bool held = false;
    Destroy destroy = nullptr;
    alignas(std::max_align_t) std::byte storage[inline_bytes];
};

// The loop's call nodes: made as needed, reused, freed with the loop. At the high-water mark of calls that were pending.
class CallNodes {
public:
    explicit CallNodes(Scheduler& scheduler) noexcept : scheduler_(scheduler) {}
    CallNodes(const CallNodes&) = delete;
    CallNodes& operator=(const CallNodes&) = delete;
    ~CallNodes();

    CallNode& take() {
        if (free_ == nullptr) grow();
        CallNode& node = *static_cast<CallNode*>(free_);
        free_ = std::exchange(node.next, nullptr);
        return node;
    }
    void give_back(CallNode& node) noexcept {
        ++node.generation;
        node.held = false;
        node.next = free_;
        free_ = &node;
    }
    Scheduler& scheduler() const noexcept { return scheduler_; }

private:
    struct Slab;
    void grow();

    Scheduler& scheduler_;
    ReadyNode* free_ = nullptr;
    Slab* slabs_ = nullptr;
};

template <class Function>
void CallNode::hold(Function function) {
    if constexpr (sizeof(Function) > inline_bytes || !std::is_nothrow_move_constructible_v<Function>) {
        hold([boxed = std::make_unique<Function>(std::move(function))] { (*boxed)(); });
    } else {
        ::new (static_cast<void*>(storage)) Function(std::move(function));
        held = true;
        destroy = [](CallNode& node) noexcept { std::launder(reinterpret_cast<Function*>(node.storage))->~Function(); };
        run = [](ReadyNode& ready) {
            auto& node = static_cast<CallNode&>(ready);
            auto& held_function = *std::launder(reinterpret_cast<Function*>(node.storage));
            Function called = std::move(held_function);
            held_function.~Function();
            node.nodes.give_back(node);
            if (!node.nodes.scheduler().discarding()) called();
        };
    }
}

}  // namespace detail

class Handle {
public:
    Handle() noexcept = default;
    Handle(detail::CallNode& node, TimerQueue& timers) noexcept
        : node_(&node), timers_(&timers), generation_(node.generation) {}

    // The call will not be made. False if it was made, is being made, or was cancelled before.
    bool cancel() noexcept;
    // Still to be made.
    bool pending() const noexcept { return node_ != nullptr && node_->generation == generation_ && node_->held; }

private:
    detail::CallNode* node_ = nullptr;
    TimerQueue* timers_ = nullptr;
    std::uint32_t generation_ = 0;
};

}  // namespace stepwise
