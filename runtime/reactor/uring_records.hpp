// What stands behind a Receiver or an Acceptor: a record that outlives it until the kernel has let go.
//
// A record is reused only when nothing refers to it any more: no target, no request in flight, not in the ready queue,
// not in the queue of those to be armed. Records are never freed before the reactor is, so that pointers to them in the
// ready queue and in user_data stay good, and a connection costs no allocation once as many were open before.
#pragma once

#include <stepwise/runtime/reactor/uring_ring.hpp>
#include <stepwise/runtime/ready_queue.hpp>

#include <deque>
#include <utility>

namespace stepwise {

struct UringRecord : ReadyNode {
    using ReadyNode::ReadyNode;

    int fd = -1;
    UringRequest request;
    bool queued = false;   // in the ready queue
    bool running = false;  // its target is being called
    bool waiting = false;  // will be armed before the next wait

    bool referred_to() const noexcept { return queued || running || waiting || request.in_flight; }
};

// Chained through `Record::follower`.
template <class Record>
class RecordChain {
public:
    bool empty() const noexcept { return first_ == nullptr; }

    void push_back(Record& record) noexcept {
        record.follower = nullptr;
        (first_ == nullptr ? first_ : last_->follower) = &record;
        last_ = &record;
    }

    Record& pop_front() noexcept {
        Record& record = *first_;
        first_ = std::exchange(record.follower, nullptr);
        return record;
    }

private:
    Record* first_ = nullptr;
    Record* last_ = nullptr;
};

template <class Record, class Owner>
class RecordPool {
public:
    Record& acquire(Owner& owner) {
        if (free_.empty()) return all_.emplace_back(owner);
        return free_.pop_front();
    }
    void release(Record& record) noexcept { free_.push_back(record); }

    std::deque<Record>& all() noexcept { return all_; }

private:
    std::deque<Record> all_;
    RecordChain<Record> free_;
};

}  // namespace stepwise
