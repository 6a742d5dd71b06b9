#include <stepwise/tests/runtime/reactor/blocked_operation.hpp>

#include <poll.h>

#include <algorithm>

namespace contract {

BlockedOperation::BlockedOperation(Reactor& reactor, OperationKind kind)
    : buffer(64, 'x'), reactor_(reactor), kind_(kind) {
    prepare();
}

BlockedOperation::~BlockedOperation() {
    if (operation.kind == OperationKind::accept && operation.result > 0) UniqueFd accepted(operation.result);
    for (UniqueFd* fd : {&pair_.here, &pair_.there, &listener_.socket}) {
        if (*fd) reactor_.forget(fd->get());
    }
}

void BlockedOperation::prepare() {
    bool of_pipe = kind_ == OperationKind::read || kind_ == OperationKind::write;
    bool of_listener = kind_ == OperationKind::accept || kind_ == OperationKind::connect;
    if (!of_listener) pair_ = of_pipe ? pipe_pair() : socket_pair();
    switch (kind_) {
        case OperationKind::accept:
            listener_ = tcp_listener();
            operation.prepare_accept(listener_.socket.get());
            break;
        case OperationKind::connect:
            fill_backlog();
            operation.prepare_connect(pair_.here.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_);
            break;
        case OperationKind::recv:
            operation.prepare_recv(pair_.here.get(), buffer.data(), buffer.size());
            break;
        case OperationKind::send:
            fill(pair_.here.get());
            operation.prepare_send(pair_.here.get(), buffer.data(), buffer.size());
            break;
        case OperationKind::send_message:
            fill(pair_.here.get());
            part_ = {buffer.data(), buffer.size()};
            message_.msg_iov = &part_;
            message_.msg_iovlen = 1;
            operation.prepare_send_message(pair_.here.get(), &message_);
            break;
        case OperationKind::read:
            operation.prepare_read(pair_.here.get(), buffer.data(), buffer.size(), Operation::current_offset);
            break;
        case OperationKind::write:
            fill(pair_.there.get());
            operation.prepare_write(pair_.there.get(), buffer.data(), buffer.size(), Operation::current_offset);
            break;
        case OperationKind::poll:
            operation.prepare_poll(pair_.here.get(), POLLIN);
            break;
    }
}

// A listener that accepts nothing: the kernel drops the first packet of whoever comes too late.
void BlockedOperation::fill_backlog() {
    listener_ = tcp_listener(0);
    for (int count = 0; count < 4; ++count) others_.push_back(connect_to(listener_.port));
    socklen_t length = sizeof address_;
    REQUIRE(calls::getsockname(listener_.socket.get(), reinterpret_cast<sockaddr*>(&address_), &length) == 0);
    pair_.here.reset(calls::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

bool BlockedOperation::unblock() {
    switch (kind_) {
        case OperationKind::accept:
            others_.push_back(connect_to(listener_.port));
            return true;
        case OperationKind::connect:
            return false;
        case OperationKind::recv:
        case OperationKind::poll:
            send_text(pair_.there.get(), "hello");
            return true;
        case OperationKind::read:
            REQUIRE(calls::send(pair_.there.get(), "hello", 5) == 5);
            return true;
        case OperationKind::send:
        case OperationKind::send_message:
            read_all(pair_.there.get());
            return true;
        case OperationKind::write:
            read_all(pair_.here.get());
            return true;
    }
    return false;
}

std::string BlockedOperation::bytes_that_arrived() {
    auto taken = static_cast<std::size_t>(std::max(operation.result, 0));
    return std::string(buffer.data(), taken) + read_all(pair_.here.get());
}

}  // namespace contract
