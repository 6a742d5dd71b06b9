// One operation of each kind that cannot finish yet, and how to let it.
#pragma once

#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace contract {

class BlockedOperation {
public:
    BlockedOperation(Reactor& reactor, OperationKind kind);
    ~BlockedOperation();
    BlockedOperation(const BlockedOperation&) = delete;
    BlockedOperation& operator=(const BlockedOperation&) = delete;

    // Now it can finish. For connect nothing can be done quickly: false.
    bool unblock();
    // Every byte that was sent to a reader has reached it, either through the operation or in the queue still.
    std::string bytes_that_arrived();
    bool reads() const { return kind_ == OperationKind::recv || kind_ == OperationKind::read; }

    Counted operation;
    std::vector<char> buffer;  // of readers; filled with 'x'

private:
    void prepare();
    void fill_backlog();

    Reactor& reactor_;
    OperationKind kind_;
    Pair pair_;
    Listener listener_;
    sockaddr_in address_{};
    iovec part_{};
    msghdr message_{};
    std::vector<UniqueFd> others_;
};

constexpr OperationKind every_kind[] = {OperationKind::accept, OperationKind::connect,      OperationKind::recv,
                                        OperationKind::send,   OperationKind::send_message, OperationKind::read,
                                        OperationKind::write,  OperationKind::poll};

}  // namespace contract
