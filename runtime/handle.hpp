// A call that the loop will make: what call_soon, call_later and call_at return, to be able to cancel it.
//
//     Handle reminder = loop.call_later(30s, remind);
//     reminder.cancel();   // it will not be called
//
// The node behind it belongs to the loop, which reuses it when the call was made or cancelled: the handle carries the
// generation that it means, so that a late cancel() does nothing. A handle may be copied and dropped freely and must
// not be used after the loop has ended. One thread.
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

    // Whether a node can hold it, and move it out to call it, without failing.
    template <class Function>
    static constexpr bool fits =
        sizeof(Function) <= inline_bytes &&
        alignof(Function) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<Function>;

    // Ends the function without calling it. What it holds may call back: the node is empty by then.
    void drop() noexcept {
        held = false;
        destroy(*this);
    }

    CallNodes& nodes;
    std::uint32_t generation = 0;
    bool held = false;
    Destroy destroy = nullptr;
    alignas(std::max_align_t) std::byte storage[inline_bytes];
};

// The loop's call nodes: made as needed, reused, freed with the loop. At the high-water mark of calls that were
// pending.
class CallNodes {
public:
    explicit CallNodes(Scheduler& scheduler) noexcept : scheduler_(scheduler) {}
    CallNodes(const CallNodes&) = delete;
    CallNodes& operator=(const CallNodes&) = delete;
    ~CallNodes();

    // A node that will call `function`.
    template <class Function>
    CallNode& hold(Function function);
    // Ends every function that is held, as drop does. False if there was none.
    bool drop() noexcept;

    void give_back(CallNode& node) noexcept {
        ++node.generation;
        node.held = false;
        node.next = free_;
        free_ = &node;
    }
    Scheduler& scheduler() const noexcept { return scheduler_; }

private:
    struct Slab;
    CallNode& take() {
        if (free_ == nullptr) grow();
        CallNode& node = *static_cast<CallNode*>(free_);
        free_ = std::exchange(node.next, nullptr);
        return node;
    }
    void grow();

    Scheduler& scheduler_;
    ReadyNode* free_ = nullptr;
    Slab* slabs_ = nullptr;
};

template <class Function>
CallNode& CallNodes::hold(Function function) {
    if constexpr (!CallNode::fits<Function>) {
        return hold([boxed = std::make_unique<Function>(std::move(function))] { (*boxed)(); });
    } else {
        CallNode& taken = take();
        ::new (static_cast<void*>(taken.storage)) Function(std::move(function));
        taken.held = true;
        taken.destroy = [](CallNode& node) noexcept {
            std::launder(reinterpret_cast<Function*>(node.storage))->~Function();
        };
        taken.run = [](ReadyNode& ready) {
            auto& node = static_cast<CallNode&>(ready);
            auto& held_function = *std::launder(reinterpret_cast<Function*>(node.storage));
            Function called = std::move(held_function);
            held_function.~Function();
            node.nodes.give_back(node);
            if (!node.nodes.scheduler().discarding()) called();
        };
        return taken;
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
