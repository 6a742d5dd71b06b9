#include <stepwise/runtime/handle.hpp>

namespace stepwise {

namespace detail {

namespace {

constexpr std::size_t nodes_per_slab = 32;

}  // namespace

struct CallNodes::Slab {
    Slab* next;
    alignas(CallNode) std::byte nodes[nodes_per_slab][sizeof(CallNode)];
};

void CallNodes::grow() {
    auto* slab = new Slab;
    slab->next = slabs_;
    slabs_ = slab;
    for (auto& place : slab->nodes) {
        auto* node = ::new (static_cast<void*>(place)) CallNode(*this);
        node->next = free_;
        free_ = node;
    }
}

bool CallNodes::drop() noexcept {
    bool dropped = false;
    // New slabs stand in front: this one's chain stays as it is.
    for (Slab* slab = slabs_; slab != nullptr; slab = slab->next) {
        for (auto& place : slab->nodes) {
            auto* node = std::launder(reinterpret_cast<CallNode*>(place));
            if (!node->held) continue;
            node->drop();
            dropped = true;
        }
    }
    return dropped;
}

CallNodes::~CallNodes() {
    drop();
    while (Slab* slab = slabs_) {
        slabs_ = slab->next;
        for (auto& place : slab->nodes) {
            auto* node = std::launder(reinterpret_cast<CallNode*>(place));
            node->~CallNode();
        }
        delete slab;
    }
}

}  // namespace detail

bool Handle::cancel() noexcept {
    if (!pending()) return false;
    detail::CallNode& node = *node_;
    if (node.nodes.scheduler().tracer() != nullptr && !node.armed())
        trace::handle_cancelled(*node.nodes.scheduler().tracer(), node);
    if (node.armed()) {
        timers_->remove(node);
        node.drop();
        node.nodes.give_back(node);
    } else {
        // It stands in the ready queue: leave it there, empty.
        node.run = [](ReadyNode& ready) {
            auto& queued = static_cast<detail::CallNode&>(ready);
            queued.nodes.give_back(queued);
        };
        node.drop();
    }
    return true;
}

}  // namespace stepwise
