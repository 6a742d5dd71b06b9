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
    bool empty() const noexcept { return head_ == nullptr; }

    void push(ReadyNode& node) noexcept {
        assert(node.next == nullptr && &node != tail_ && "a ready node is queued at most once");
        if (tail_ == nullptr) {
            head_ = &node;
        } else {
            tail_->next = &node;
        }
        tail_ = &node;
    }

    ReadyNode* pop() noexcept {
        ReadyNode* node = head_;
        if (node == nullptr) return nullptr;
        head_ = node->next;
        if (head_ == nullptr) tail_ = nullptr;
        node->next = nullptr;
        return node;
    }

    // Hands over everything that is queued now: one turn's work. What is pushed later stays for the next turn.
    ReadyQueue detach() noexcept {
        ReadyQueue turn = *this;
        head_ = tail_ = nullptr;
        return turn;
    }

    // The same as a bare chain, through `next`.
    ReadyNode* take_all() noexcept {
        tail_ = nullptr;
        return std::exchange(head_, nullptr);
    }

    // Takes `node` out, wherever it stands; linear, for the rare end of a thing that is still queued.
    bool remove(ReadyNode& node) noexcept {
        ReadyNode* before = nullptr;
        for (ReadyNode* at = head_; at != nullptr; before = at, at = at->next) {
            if (at != &node) continue;
            (before == nullptr ? head_ : before->next) = node.next;
            if (tail_ == &node) tail_ = before;
            node.next = nullptr;
            return true;
        }
        return false;
    }

private:
    ReadyNode* head_ = nullptr;
    ReadyNode* tail_ = nullptr;
};

}  // namespace stepwise
