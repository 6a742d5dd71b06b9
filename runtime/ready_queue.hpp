// The ready queue: what the loop runs next, in the order in which it became ready.
//
// A ReadyNode is the intrusive hook of anything that can be run: a call_soon handle, a Task's step, a connection with
// bytes to read. Whoever embeds the node owns it and keeps it alive while it is queued; a node is queued at most once.
// One thread, the loop's. No allocation, no virtual call: `run` is the first and only indirection.
#pragma once

#include <cassert>
#include <utility>

namespace stepwise {

struct ReadyNode {
    using Run = void (*)(ReadyNode&);

    explicit ReadyNode(Run run_function) noexcept : run(run_function) {}
    ReadyNode(const ReadyNode&) = delete;
    ReadyNode& operator=(const ReadyNode&) = delete;

    ReadyNode* next = nullptr;
    Run run;
};

class ReadyQueue {
public:
    ReadyQueue() noexcept = default;
    ReadyQueue(const ReadyQueue&) = delete;
    ReadyQueue& operator=(const ReadyQueue&) = delete;

    bool empty() const noexcept { return head_ == nullptr; }
    const ReadyNode* front() const noexcept { return head_; }

    void push(ReadyNode& node) noexcept {
        assert(node.next == nullptr && &node.next != end_ && "a ready node is queued at most once");
        *end_ = &node;
        end_ = &node.next;
    }

    ReadyNode* pop() noexcept {
        ReadyNode* node = head_;
        if (node == nullptr) return nullptr;
        head_ = node->next;
        if (head_ == nullptr) end_ = &head_;
        node->next = nullptr;
        return node;
    }

    // Hands over everything that is queued now, as a chain through `next`: one turn's work. What is pushed later stays
    // for the next turn.
    ReadyNode* take_all() noexcept {
        end_ = &head_;
        return std::exchange(head_, nullptr);
    }
    // All that `other` holds, into this one, which is empty.
    void take_over(ReadyQueue& other) noexcept {
        assert(empty());
        if (other.empty()) return;
        end_ = other.end_;
        head_ = other.take_all();
    }

    // Takes `node` out, wherever it stands; linear, for the rare end of a thing that is still queued.
    bool remove(ReadyNode& node) noexcept {
        ReadyNode* before = nullptr;
        for (ReadyNode* at = head_; at != nullptr; before = at, at = at->next) {
            if (at != &node) continue;
            (before == nullptr ? head_ : before->next) = node.next;
            if (end_ == &node.next) end_ = before == nullptr ? &head_ : &before->next;
            node.next = nullptr;
            return true;
        }
        return false;
    }

private:
    ReadyNode* head_ = nullptr;
    ReadyNode** end_ = &head_;  // where the next one is hung
};

}  // namespace stepwise
