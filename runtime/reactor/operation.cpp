#include <stepwise/runtime/reactor/operation.hpp>

namespace stepwise {

const char* name_of(OperationKind kind) noexcept {
    switch (kind) {
        case OperationKind::accept: return "accept";
        case OperationKind::connect: return "connect";
        case OperationKind::recv: return "recv";
        case OperationKind::send: return "send";
        case OperationKind::send_message: return "sendmsg";
        case OperationKind::read: return "read";
        case OperationKind::write: return "write";
        case OperationKind::poll: return "poll";
    }
    return "unknown";
}

}  // namespace stepwise
