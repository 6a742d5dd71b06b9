// Accepts that keep going: a multishot request a listening socket, or one accept after the other without multishot.
//
// Sockets that the kernel accepted wait in a record until they are delivered, some a turn; beyond a bound the kernel is
// asked to hold the others in its backlog. One thread.
#pragma once

#include <stepwise/runtime/reactor/reactor.hpp>
#include <stepwise/runtime/reactor/uring_records.hpp>

#include <cstddef>
#include <vector>

namespace stepwise {

class UringAccepts;

struct AcceptRecord : UringRecord {
    explicit AcceptRecord(UringAccepts& accepts) noexcept;

    std::size_t undelivered() const noexcept { return sockets.size() - delivered; }

    UringAccepts* owner;
    Acceptor* target = nullptr;
    int failure = 0;
    std::vector<int> sockets;
    std::size_t delivered = 0;
    AcceptRecord* follower = nullptr;
};

class UringAccepts {
public:
    UringAccepts(UringRing& ring, ReactorHost& host, bool multishot)
        : ring_(ring), host_(host), multishot_(multishot) {}
    UringAccepts(const UringAccepts&) = delete;
    UringAccepts& operator=(const UringAccepts&) = delete;

    void start(int socket, Acceptor& acceptor);
    // The request that is still in flight, to be waited for; nullptr if none is.
    const UringRequest* stop(Acceptor& acceptor);

    void completed(AcceptRecord& record, const UringCompletion& completion);
    void arm_waiting();
    bool idle() const noexcept { return waiting_.empty(); }

    // Parts all targets from their records and asks for the end of all requests.
    void close();

private:
    friend struct AcceptRecord;
    struct Delivery;

    static void run(ReadyNode& node);
    void deliver(AcceptRecord& record);
    void after_delivery(AcceptRecord& record);

    void arm(AcceptRecord& record);
    void arm_later(AcceptRecord& record) noexcept;
    void queue(AcceptRecord& record) noexcept;
    void part(AcceptRecord& record) noexcept;
    void close_undelivered(AcceptRecord& record) noexcept;
    void release_if_done(AcceptRecord& record) noexcept;

    UringRing& ring_;
    ReactorHost& host_;
    bool multishot_;
    RecordPool<AcceptRecord, UringAccepts> records_;
    RecordChain<AcceptRecord> waiting_;
};

inline AcceptRecord::AcceptRecord(UringAccepts& accepts) noexcept : UringRecord(&UringAccepts::run), owner(&accepts) {}

}  // namespace stepwise
