#include <stepwise/runtime/reactor/uring_probe.hpp>

#include <stepwise/runtime/reactor/uring_buffers.hpp>
#include <stepwise/runtime/reactor/uring_ring.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

namespace stepwise {

namespace {

// From Linux 6.1 on: completions are worked off in one place, when the loop asks, instead of by interrupting it.
constexpr unsigned deferred_flags =
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED;

// The first that the kernel does not refuse is taken.
constexpr unsigned flag_sets[] = {
    IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | deferred_flags,
    IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_CLAMP,
};

struct Needed {
    unsigned code;
    const char* name;
};

constexpr Needed operations_needed[] = {
    {IORING_OP_NOP, "nop"},         {IORING_OP_ACCEPT, "accept"},
    {IORING_OP_CONNECT, "connect"}, {IORING_OP_RECV, "recv"},
    {IORING_OP_SEND, "send"},       {IORING_OP_SENDMSG, "sendmsg"},
    {IORING_OP_READ, "read"},       {IORING_OP_WRITE, "write"},
    {IORING_OP_POLL_ADD, "poll"},   {IORING_OP_ASYNC_CANCEL, "cancel"},
};

constexpr Needed features_needed[] = {
    {IORING_FEAT_NODROP, "completions that are never dropped"},
    {IORING_FEAT_RW_CUR_POS, "reads at the current position"},
    {IORING_FEAT_FAST_POLL, "polling inside the kernel"},
    {IORING_FEAT_EXT_ARG, "waiting with a timeout"},
};

std::string explain(const std::system_error& failure) {
    std::string reason = failure.what();
    switch (failure.code().value()) {
        case ENOSYS:
            return reason + ": this kernel has no io_uring";
        case EPERM:
        case EACCES:
            return reason +
                   ": io_uring is forbidden here, by a container's seccomp profile or kernel.io_uring_disabled";
        case ENOMEM:
            return reason + ": too little memory may be locked (ulimit -l)";
        default:
            return reason;
    }
}

// One request there and back; the first completion, or nothing if none came in a second.
std::optional<UringCompletion> round_trip(UringRing& ring) {
    std::optional<UringCompletion> first;
    if (!ring.enter(std::chrono::seconds(1))) return first;
    ring.drain([&first](const UringCompletion& completion) {
        if (!first) first = completion;
    });
    return first;
}

std::string what_is_missing(UringRing& ring) {
    for (const Needed& feature : features_needed) {
        if ((ring.raw()->features & feature.code) == 0) {
            return std::string("this kernel's io_uring is too old: it lacks ") + feature.name;
        }
    }
    std::unique_ptr<io_uring_probe, decltype(&io_uring_free_probe)> known(io_uring_get_probe_ring(ring.raw()),
                                                                          io_uring_free_probe);
    if (known == nullptr) return "this kernel's io_uring is too old: it does not tell what it can do";
    for (const Needed& operation : operations_needed) {
        if (io_uring_opcode_supported(known.get(), static_cast<int>(operation.code)) == 0) {
            return std::string("this kernel's io_uring lacks the operation ") + operation.name;
        }
    }
    io_uring_sqe& entry = ring.next_entry();
    io_uring_prep_nop(&entry);
    entry.user_data = tagged(nullptr, UringTag::none);
    std::optional<UringCompletion> answer = round_trip(ring);
    if (!answer || answer->result != 0) return "io_uring was set up, but a no-op did not come back from it";
    return {};
}

bool multishot_works(UringRing& ring, UringBuffers& buffers) {
    try {
        buffers.register_with(ring);
    } catch (const std::system_error&) {
        return false;
    }
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
    UniqueFd here(pair[0]);
    UniqueFd there(pair[1]);
    if (::send(there.get(), "?", 1, MSG_NOSIGNAL) != 1) return false;
    io_uring_sqe& entry = ring.next_entry();
    io_uring_prep_recv_multishot(&entry, here.get(), nullptr, 0, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = UringBuffers::group;
    entry.user_data = tagged(nullptr, UringTag::none);
    std::optional<UringCompletion> answer = round_trip(ring);
    constexpr unsigned expected = IORING_CQE_F_BUFFER | IORING_CQE_F_MORE;
    bool works = answer && answer->result == 1 && (answer->flags & expected) == expected;
    // The request ends here, so that the buffers are not written to after this ring is gone.
    there.reset();
    static_cast<void>(round_trip(ring));
    return works;
}

UringSupport probe_with(unsigned flags) {
    UringSupport support;
    support.setup_flags = flags;
    UringBuffers buffers(2, 64);
    // Enabled from the start: this ring is used here and now, while the real one waits for the loop's thread.
    UringRing ring(8, flags & ~static_cast<unsigned>(IORING_SETUP_R_DISABLED));
    support.why_not = what_is_missing(ring);
    if (support.why_not.empty()) support.multishot = multishot_works(ring, buffers);
    return support;
}

}  // namespace

UringSupport probe_uring() {
    UringSupport support;
    for (unsigned flags : flag_sets) {
        try {
            return probe_with(flags);
        } catch (const std::system_error& failure) {
            support.why_not = explain(failure);
            if (failure.code().value() != EINVAL) break;
        }
    }
    return support;
}

}  // namespace stepwise
