// Receives that keep going: a multishot request a socket, or poll and recv where the kernel has no multishot.
//
// Bytes wait in a record, in order: first what was held back during a pause, then provided buffers. A paused record
// holds no provided buffer: its bytes are copied, so that a connection that is not read cannot starve the others.
// What ends a request before its time (no buffer free, a cancelled pause) is armed again before the next wait, after
// the turn has given buffers back. One thread.
#pragma once

#include <stepwise/runtime/reactor/reactor.hpp>
#include <stepwise/runtime/reactor/uring_buffers.hpp>
#include <stepwise/runtime/reactor/uring_records.hpp>

#include <cstddef>
#include <vector>

namespace stepwise {

class UringReceives;

struct ReceiveRecord : UringRecord {
    explicit ReceiveRecord(UringReceives& receives) noexcept;

    bool delivering() const noexcept { return target != nullptr && !paused; }
    bool has_work() const noexcept { return !held.empty() || !chain.empty() || readable || ended; }

    UringReceives* owner;
    Receiver* target = nullptr;
    bool paused = false;
    bool readable = false;  // without multishot: recv will not block
    bool ended = false;
    int error = 0;
    std::vector<char> held;
    UringBuffers::Chain chain;
    ReceiveRecord* follower = nullptr;
};

class UringReceives {
public:
    // `buffers`: nullptr for no multishot; then `block_bytes` are read at a time.
    UringReceives(UringRing& ring, ReactorHost& host, UringBuffers* buffers, std::size_t block_bytes)
        : ring_(ring), host_(host), buffers_(buffers), block_bytes_(block_bytes) {}
    UringReceives(const UringReceives&) = delete;
    UringReceives& operator=(const UringReceives&) = delete;

    void start(int socket, Receiver& receiver);
    void stop(Receiver& receiver);
    void pause(Receiver& receiver);
    void resume(Receiver& receiver);

    void completed(ReceiveRecord& record, const UringCompletion& completion);

    // Arms what waits for it, no more records than there are buffers free. True: some still wait.
    bool arm_waiting();
    bool idle() const noexcept { return waiting_.empty(); }

    // Parts all targets from their records and asks for the end of all requests.
    void close();

private:
    friend struct ReceiveRecord;
    struct Delivery;

    static void run(ReadyNode& node);
    void deliver(ReceiveRecord& record);
    bool deliver_joined(ReceiveRecord& record);
    void deliver_buffer(ReceiveRecord& record);
    void read_once(ReceiveRecord& record);
    void end(ReceiveRecord& record);
    void after_delivery(ReceiveRecord& record);

    void arm(ReceiveRecord& record);
    void arm_later(ReceiveRecord& record) noexcept;
    void queue(ReceiveRecord& record) noexcept;
    void take_buffer(ReceiveRecord& record, const UringCompletion& completion);
    void hold_back(ReceiveRecord& record) noexcept;
    void part(ReceiveRecord& record) noexcept;
    void drop_bytes(ReceiveRecord& record) noexcept;
    void release_if_done(ReceiveRecord& record) noexcept;

    UringRing& ring_;
    ReactorHost& host_;
    UringBuffers* buffers_;
    std::size_t block_bytes_;
    std::vector<char> block_;
    RecordPool<ReceiveRecord, UringReceives> records_;
    RecordChain<ReceiveRecord> waiting_;
};

inline ReceiveRecord::ReceiveRecord(UringReceives& receives) noexcept
    : UringRecord(&UringReceives::run), owner(&receives) {}

}  // namespace stepwise
